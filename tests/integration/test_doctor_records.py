"""The doctor on a real database: what its rows tell, each finding provoked in it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from api.tokens import issue_token
from devices.credentials import issue
from runtime.doctor import records
from runtime.doctor.certificates import certificates
from runtime.doctor.examination import CHECKS, document, examine
from runtime.doctor.parts import parts
from runtime.doctor.patient import Patient, examined
from runtime.doctor.report import Checked
from runtime.doctor.versions import versions
from runtime.running import Running
from runtime.settings import load
from store.partitions import ensure_partitions
from store.pool import Connection, Pool
from tests.live_parts import Home, open_home
from tests.parts import RunningBroker, free_port

CERTIFICATES = Path(__file__).parents[1] / "certificates"
Look = Callable[[Patient, Checked], Awaitable[None]]


def as_url(database_url: str) -> str:
    return f"postgresql:///?{urlencode(conninfo_to_dict(database_url))}"


async def codes(database_url: str, look: Look, **named: object) -> list[str]:
    """What one check finds."""
    settings = load({"database_url": as_url(database_url), **named}, environment={})
    checked = Checked(name="check")
    async with examined(settings, data=None, running=None) as patient:
        await look(patient, checked)
    return [finding.code for finding in checked.findings]


@pytest.fixture
async def home(pool: Pool) -> AsyncIterator[Home]:
    """A home with six rows in the alert log and its days ahead."""
    async with open_home(pool) as opened:
        await ensure_partitions(opened.conn, datetime.now(UTC))
        for n in range(6):
            await opened.run(("sos-1", "sos.pressed", datetime.now(UTC) + timedelta(seconds=n)))
        yield opened


async def say(conn: Connection, **detail: object) -> None:
    """Ingest says of itself that it works."""
    await conn.execute(
        "INSERT INTO part (name, at, ok, detail) VALUES ('ingest', clock_timestamp(), true, %s)", [Jsonb(detail)]
    )


async def test_a_healthy_database(home: Home, database_url: str) -> None:
    """Every check that a database alone allows is made, and finds nothing; the chain was read to its end."""
    await say(home.conn, session=True, epoch=0)
    settings = load({"database_url": as_url(database_url)}, environment={})
    async with examined(settings, data=None, running=None) as patient:
        done = await examine(patient)
    told = document(done)
    assert [finding for finding in told["findings"] if finding["code"] != "clock_free"] == []
    assert told["fine"]
    assert [c.name for c in done] == [check.name for check in CHECKS]
    assert [c.name for c in done if c.skipped] == ["permissions", "disk"]
    assert next(c.facts for c in done if c.name == "chain") == {"entries": 6, "breaks": 0}


async def test_nothing_can_be_changed(database_url: str) -> None:
    """The server itself refuses what a doctor's connection would write."""
    settings = load({"database_url": as_url(database_url)}, environment={})
    async with examined(settings, data=None, running=None) as patient:
        assert patient.conn is not None
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await patient.conn.execute("UPDATE head SET epoch = 7")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE alert_log SET by = 'nobody' WHERE log_id = 3", "log id 3: the columns do not say"),
        ("UPDATE alert_log SET body = 'rubbish' WHERE log_id = 3", "log id 3: the body or"),
        ("DELETE FROM alert_log WHERE log_id = 3", "log id 4: rows are missing after 2"),
    ],
)
async def test_a_broken_link_is_named(home: Home, database_url: str, statement: str, told: str) -> None:
    """Whoever switches the trigger off and alters a row is found by the row's log id."""
    await home.conn.execute("ALTER TABLE alert_log DISABLE TRIGGER alert_log_append_only")
    await home.conn.execute(statement.encode())
    await home.conn.execute("ALTER TABLE alert_log ENABLE TRIGGER alert_log_append_only")
    settings = load({"database_url": as_url(database_url)}, environment={})
    checked = Checked(name="chain")
    async with examined(settings, data=None, running=None) as patient:
        await records.chain(patient, checked)
    assert {finding.code for finding in checked.findings} == {"chain_broken"}
    assert told.replace("after 2", "after 2") in checked.findings[0].says


async def test_the_chain_is_read_as_of_one_moment(home: Home, database_url: str) -> None:
    """What is written while it is read breaks nothing."""
    settings = load({"database_url": as_url(database_url)}, environment={})
    async with examined(settings, data=None, running=None) as patient:
        assert patient.conn is not None
        async with patient.conn.transaction():
            await patient.conn.execute("SELECT")
            await home.run(("sos-1", "sos.pressed", datetime.now(UTC) + timedelta(minutes=1)))
            checked = Checked(name="chain")
            await records.chain(patient, checked)
    assert checked.facts["breaks"] == 0


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE head SET alive_at = now()", []),
        ("UPDATE head SET alive_at = now() - interval '5 minutes'", ["watch_behind"]),
        ("UPDATE head SET alive_at = now() + interval '5 minutes'", ["watch_ahead"]),
        ("UPDATE head SET epoch = 4", ["epoch_passed"]),
    ],
)
async def test_the_head(home: Home, database_url: str, statement: str, found: list[str]) -> None:
    """Until when somebody watched, and who holds the partition."""
    await say(home.conn, epoch=3)
    await home.conn.execute(statement.encode())
    assert await codes(database_url, records.head) == found


async def test_two_that_hold(database_url: str) -> None:
    """A second ingest is seen by its connection."""
    async with both(database_url, "shouwang-ingest"):
        assert await codes(database_url, records.head) == ["two_holders"]


@asynccontextmanager
async def both(database_url: str, name: str) -> AsyncIterator[None]:
    one = await psycopg.AsyncConnection.connect(database_url, application_name=name)
    two = await psycopg.AsyncConnection.connect(database_url, application_name=name)
    async with one, two:
        yield


async def test_credentials_that_do_not_arrive(home: Home, database_url: str) -> None:
    """Where the broker is ours, changed credentials reach it within half a minute."""

    async def managed(patient: Patient, checked: Checked) -> None:
        assert patient.conn is not None
        checked.facts["before"] = len(checked.findings)
        await records._credentials(patient.conn, checked)

    await issue(home.conn, site="h1", device="sos-1", now=datetime.now(UTC))
    assert await codes(database_url, managed) == []
    await home.conn.execute("UPDATE credential SET issued_at = now() - interval '1 minute'")
    assert await codes(database_url, managed) == ["credentials_waiting"]


async def test_days_without_a_partition(home: Home, database_url: str) -> None:
    """Tomorrow's partition is missed today; events of the last resort are a note."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await codes(database_url, records.partitions) == []
    await home.conn.execute(f"DROP TABLE event_{tomorrow:%Y%m%d}".encode())
    assert await codes(database_url, records.partitions) == ["partition_missing"]
    await home.conn.execute(
        "INSERT INTO event (position, received_at, at, effective_at, device, type, value, seq, boot, flags, detail) "
        "VALUES (99, '1999-01-01', '-infinity', '1999-01-01', 1, 1, 'NaN', -1, 0, 0, '{}')"
    )
    assert await codes(database_url, records.partitions) == ["partition_missing", "partition_default"]


async def test_a_quarantine_that_grows(home: Home, database_url: str) -> None:
    """A hundred messages within an hour; what lies there since yesterday is nothing new."""
    fill = """
    INSERT INTO quarantine (received_at, topic, source, reason, payload, payload_size)
    SELECT now() - make_interval(hours => %s), 't', 'h1/x', 'unknown_device', '', 0 FROM generate_series(1, 99)
    """
    await home.conn.execute(fill.encode(), [24])
    await home.conn.execute(fill.encode(), [0])
    assert await codes(database_url, records.quarantine) == []
    await home.conn.execute(fill.encode(), [0])
    assert await codes(database_url, records.quarantine) == ["quarantine_grows"]


async def test_tokens_that_end(home: Home, database_url: str) -> None:
    """A long-lived token is named a week before its end; short, distant and revoked ones are not."""
    now = datetime.now(UTC)
    for name, made, ends in (("soon", -60, 3), ("short", -1, 3), ("far", -60, 30), ("gone", -60, 3)):
        await issue_token(
            home.conn, role="duty", name=name, now=now + timedelta(days=made), expires_at=now + timedelta(days=ends)
        )
    await home.conn.execute("UPDATE principal SET revoked_at = now() WHERE name = 'gone'")
    assert await codes(database_url, records.tokens) == ["token_expires"]


async def test_schemas_of_other_programs(database_url: str) -> None:
    """A schema that is behind, and one that was altered, are told apart; the rest is left out."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        await conn.execute("UPDATE schema_migration SET checksum = 'x'")
        assert await codes(database_url, versions) == ["schema_differs"]
        await conn.execute("DELETE FROM schema_migration")
        assert await codes(database_url, versions) == ["schema_behind"]
        await conn.execute("DROP TABLE schema_migration")
        settings = load({"database_url": as_url(database_url)}, environment={})
        async with examined(settings, data=None, running=None) as patient:
            done = await examine(patient)
    assert {c.name for c in done if c.skipped == "the database has another schema"} >= {"chain", "head", "tokens"}


async def test_a_database_that_is_away() -> None:
    """Nobody answers there: told with what could not be looked at."""
    settings = load({"database_url": f"postgresql://u:secret@127.0.0.1:{free_port()}/n"}, environment={})
    async with examined(settings, data=None, running=None) as patient:
        told = document(await examine(patient))
    assert "database_away" in [finding["code"] for finding in told["findings"]]
    assert not told["fine"]
    assert "secret" not in str(told)


async def test_a_database_that_goes(database_url: str) -> None:
    """A connection that is cut during the examination is a finding, not a traceback."""
    settings = load({"database_url": as_url(database_url)}, environment={})
    async with examined(settings, data=None, running=None) as patient:
        assert patient.conn is not None
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(%s)", [patient.conn.info.backend_pid])
        told = document(await examine(patient))
    assert "database_lost" in [finding["code"] for finding in told["findings"]]


async def test_a_database_on_the_network(database_url: str) -> None:
    """The embedded one has a socket; TLS matters only where a network lies between."""
    assert await codes(database_url, certificates) == []


async def test_a_broker_that_answers_and_one_that_does_not(broker: RunningBroker, database_url: str) -> None:
    """A broker by URL is asked itself."""
    url = broker.url("ingest")
    assert "broker_silent" not in await codes(database_url, parts, mqtt_url=url)
    assert "broker_silent" in await codes(database_url, parts, mqtt_url=url.replace("ingest:", "stranger:"))
    await broker.kill()
    assert "broker_silent" in await codes(database_url, parts, mqtt_url=url)


@asynccontextmanager
async def tls_server() -> AsyncIterator[int]:
    """A port that speaks TLS with the tests' certificate, and nothing else."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_brokers_certificate() -> None:
    """It is fetched and judged: its authority, its names, its end."""
    ends = ssl.cert_time_to_seconds("Oct 30 18:23:13 2126 GMT")

    async def found(host: str, port: int, ca_file: Path | None, now: float | None = None) -> list[str]:
        settings = load({"mqtt_url": f"mqtts://{host}:{port}", "mqtt_ca_file": ca_file}, environment={})
        checked = Checked(name="certificates")
        async with examined(settings, data=None, running=None) as patient:
            await certificates(patient, checked, now=now)
        return [finding.code for finding in checked.findings]

    ca_file = CERTIFICATES / "ca.pem"
    async with tls_server() as port:
        assert await found("127.0.0.1", port, ca_file) == []
        assert await found("127.0.0.1", port, None) == ["certificate_refused"]
        assert await found("127.0.0.2", port, ca_file) == []  # nobody listens there
        assert set(await found("127.0.0.1", port, ca_file, ends - 86_400)) == {"certificate_expires"}


async def test_an_old_server(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """A PostgreSQL before 15 is named as such."""
    monkeypatch.setattr("store.pool.OLDEST_SERVER", 990000)
    assert "postgres_too_old" in await codes(database_url, versions)


async def test_an_api_that_is_not_ready(home: Home, database_url: str, broker: RunningBroker) -> None:
    """What /readyz says is told where nothing else explains it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'HTTP/1.1 503 No\r\nContent-Length: 29\r\nConnection: close\r\n\r\n{"detail":"Not ready: music"}')
        writer.close()

    await say(home.conn, session=True)
    mqtt_url = broker.url("ingest")
    settings = load({"database_url": as_url(database_url), "mqtt_url": mqtt_url}, environment={})
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        running = Running(
            database_url=as_url(database_url),
            ingest_url=mqtt_url,
            publisher_url=mqtt_url,
            watch_url=mqtt_url,
            http_url=f"http://127.0.0.1:{port}",
            local_url=f"http://127.0.0.1:{port}",
            broker_managed=False,
        )
        checked = Checked(name="parts")
        async with examined(settings, data=None, running=running) as patient:
            await parts(patient, checked)
    assert [(finding.code, "music" in finding.says) for finding in checked.findings] == [("api_not_ready", True)]
