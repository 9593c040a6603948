"""What is too old goes, is told, and takes nothing along."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts import life
from alerts.journal import verify_chain
from alerts.live import LiveEngine
from alerts.transitions import Actor
from devices.scope import Scope
from ingest.chores import tidy_up
from store.errors import LockTimeout
from store.gaps import Gap, joined
from store.head import read_input
from store.migrations import migrate
from store.partitions import drop_partitions, ensure_partitions
from store.pool import Connection, Pool
from store.retention import Keep, count_events, drop_old
from store.timeseries import Probe, Reason, Way, arrange, decide, way_of
from tests.keeping_parts import check_dropping, fill_events, number, rows
from tests.live_parts import NOW, Home, open_home

YEARS_LATER = NOW + timedelta(days=4 * 365)
PLAIN = Probe(version="2.22.1", installed=True, preloaded=True, licence="timescale", holds_events=False)


# ---------------------------------------------------------------- how events are stored
@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        ({}, Reason.USABLE),
        ({"version": None, "installed": False, "preloaded": False, "licence": None}, Reason.NOT_AVAILABLE),
        ({"installed": False, "preloaded": False, "licence": None}, Reason.NOT_PRELOADED),
        ({"preloaded": False, "licence": None}, Reason.NOT_PRELOADED),
        ({"preloaded": False}, Reason.USABLE),
        ({"installed": False, "licence": None}, Reason.USABLE),
        ({"version": "2.9.3"}, Reason.TOO_OLD),
        ({"version": "2.23.0-dev"}, Reason.USABLE),
        ({"version": "3.0"}, Reason.USABLE),
        ({"licence": "apache"}, Reason.LICENCE),
        ({"holds_events": True}, Reason.HOLDS_EVENTS),
    ],
)
def test_one_function_decides(probe: dict[str, object], reason: Reason) -> None:
    """Each thing that keeps TimescaleDB from being used is told by its name."""
    values = {name: getattr(PLAIN, name) for name in Probe.__dataclass_fields__}
    assert decide(Probe(**{**values, **probe})) is reason


async def test_partitions_are_partitions(native_pool: Pool) -> None:
    """Without the extension the table of events is partitioned by range, and another look leaves it so."""
    async with native_pool.connection() as conn:
        await ensure_partitions(conn, NOW)
        kinds = await rows(conn, "SELECT partstrat FROM pg_partitioned_table WHERE partrelid = 'event'::regclass")
        assert [kind["partstrat"] for kind in kinds] == ["r"]
        assert await number(conn, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass") == 5
        assert await arrange(conn, extension=False) is Way.NATIVE


async def test_what_a_database_holds_is_not_moved(native_pool: Pool) -> None:
    """Once there are events their way of storing stays, whatever the server can; migrating again changes nothing."""
    async with native_pool.connection() as conn:
        await fill_events(conn, NOW)
        assert await migrate(str(native_pool.conninfo)) == []
        assert await way_of(conn) is Way.NATIVE


# ---------------------------------------------------------------- events
async def _make_partitions(conn: Connection, first: datetime, days: int) -> None:
    for n in range(0, days + 1, 4):
        await ensure_partitions(conn, first + timedelta(days=n))


async def test_old_partitions_are_dropped(native_pool: Pool) -> None:
    """Whole days go, counted before; their counts stay; the table of last resort is trimmed too."""
    now = datetime.now(UTC)
    async with native_pool.connection() as conn:
        await _make_partitions(conn, now - timedelta(days=200), 200)
        await check_dropping(conn)
        assert await number(conn, "SELECT count(*) FROM event_default") == 0


async def test_a_day_of_last_resort_goes_by_its_rows(native_pool: Pool) -> None:
    """Old rows of `event_default` are deleted, and young ones are not."""
    async with native_pool.connection() as conn:
        stored = await fill_events(conn, NOW)
        assert await drop_partitions(conn, NOW - timedelta(days=180)) == []
        assert 0 < await number(conn, "SELECT count(*) FROM event_default") < stored


async def test_a_day_that_is_being_read_is_left(native_pool: Pool) -> None:
    """Dropping waits a second for a reader, then leaves it for the next time; nobody waits behind it for long."""
    async with native_pool.connection() as conn, native_pool.connection() as reader:
        await ensure_partitions(conn, NOW)
        async with reader.transaction():
            await reader.execute("SELECT FROM event")
            with pytest.raises(LockTimeout):
                await drop_partitions(conn, NOW + timedelta(days=1, hours=13))
        assert await drop_partitions(conn, NOW + timedelta(days=1, hours=13)) == [f"{NOW:%Y-%m-%d}"]


async def test_counts_take_in_each_event_once(native_pool: Pool) -> None:
    """Counting anew adds nothing; an event that was received long ago and committed now is counted in its hour."""
    async with native_pool.connection() as conn:
        stored = await fill_events(conn, NOW)
        for _ in range(2):
            await count_events(conn)
            assert await number(conn, "SELECT sum(events) FROM event_hour_kept") == stored
        late = NOW - timedelta(days=3, minutes=1)
        await conn.execute(
            "INSERT INTO event SELECT max(position) + 1, %s, '-infinity', %s, 1, 9, 'NaN', -1, 0, 0, '{}' FROM event",
            [late, late],
        )
        await conn.execute("UPDATE head SET position = position + 1")
        found = await rows(conn, "SELECT hour, events FROM event_hour WHERE type = 9")
        await count_events(conn)
        assert found == await rows(conn, "SELECT hour, events FROM event_hour_kept WHERE type = 9")
        assert found == [{"hour": late.replace(minute=0, second=0, microsecond=0), "events": 1}]


# ---------------------------------------------------------------- alerts
async def _story(home: Home) -> None:
    """An open door (1), two presses that were closed (2, 3) and one that is open (4)."""
    row = "INSERT INTO principal (name, role, created_at) VALUES ('li', 'duty', %s) RETURNING id"
    who = Actor(id=await number(home.conn, row, NOW), name="li", role="duty", scope=Scope.DISTRICT)
    await home.run(("mag-1", "door.opened", NOW - timedelta(hours=1)), watermark=NOW)
    for alert in (2, 3):
        at = NOW + timedelta(minutes=alert)
        await home.run(("sos-1", "sos.pressed", at))
        await life.note(home.conn, alert=alert, actor=who, now=at, note="key under the mat")
        await life.close(home.conn, alert=alert, actor=who, now=at, outcome="accidental", contact="her son", note="n")
    await home.run(("sos-1", "sos.pressed", NOW + timedelta(minutes=9)))
    assert [(a["id"], a["handling"]) for a in await rows(home.conn, "SELECT id, handling FROM alert ORDER BY id")] == [
        (1, "new"), (2, "closed"), (3, "closed"), (4, "new"),
    ]  # fmt: skip


async def test_closed_alerts_go_and_the_chain_holds(pool: Pool) -> None:
    """Open alerts stay however old; the chain goes on across what is gone, and a cut elsewhere is still found."""
    async with open_home(pool) as home:
        await _story(home)
        logged = await number(home.conn, "SELECT log_id FROM head")
        await drop_old(home.conn, Keep(), YEARS_LATER)
        assert [row["id"] for row in await rows(home.conn, "SELECT id FROM alert ORDER BY id")] == [1, 4]
        assert await number(home.conn, "SELECT count(*) FROM alert_note") == 0
        assert await number(home.conn, "SELECT count(*) FROM occurrence") == 2
        assert [(g["first"], g["upto"]) for g in await rows(home.conn, "SELECT * FROM alert_log_gap")] == [
            (2, logged - 1)
        ]
        told = await rows(home.conn, "SELECT amount, detail FROM deletion WHERE what = 'alerts'")
        assert told == [{"amount": 2, "detail": {"log_entries": logged - 2}}]
        assert await verify_chain(home.conn) == []
        await home.run(("sos-1", "sos.pressed", NOW + timedelta(hours=1)))
        assert await verify_chain(home.conn) == []
        await home.conn.execute("UPDATE alert_log_gap SET chain = sha256(chain)")
        assert [b.log_id for b in await verify_chain(home.conn)] == [logged]
        await home.conn.execute("DELETE FROM alert_log_gap")
        assert await verify_chain(home.conn) != []


async def test_an_alert_that_explains_an_open_one_stays(pool: Pool) -> None:
    """What a person may still ask about keeps its reason."""
    async with open_home(pool) as home:
        await _story(home)
        await home.conn.execute("UPDATE alert SET parent = 2 WHERE id = 3")
        await home.conn.execute("UPDATE alert SET parent = 3 WHERE id = 4")
        await drop_old(home.conn, Keep(), YEARS_LATER)
        assert await number(home.conn, "SELECT count(*) FROM alert") == 4


async def test_young_alerts_stay(pool: Pool) -> None:
    """Three years count from the closing."""
    async with open_home(pool) as home:
        await _story(home)
        await drop_old(home.conn, Keep(), NOW + timedelta(days=3 * 365))
        assert await number(home.conn, "SELECT count(*) FROM alert") == 4


async def test_every_table_that_refers_to_alerts_is_known(pool: Pool) -> None:
    """A new table that refers to an alert or its log needs a word in store/sql/retention.sql."""
    query = """
    SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint
     WHERE contype = 'f' AND confrelid IN ('alert'::regclass, 'alert_log'::regclass)
    """
    async with pool.connection() as conn:
        names = {row["name"] for row in await rows(conn, query)}
    assert names == {"alert", "alert_log", "alert_note", "occurrence"}


def test_gaps_are_joined() -> None:
    """Neighbours become one with the chain of the later; others stay apart."""
    gaps = [Gap(first=n, upto=n, chain=bytes([n])) for n in (5, 1, 2, 3)]
    assert joined([*gaps, Gap(first=6, upto=9, chain=b"x")]) == [
        Gap(first=1, upto=3, chain=b"\x03"),
        Gap(first=5, upto=9, chain=b"x"),
    ]


# ---------------------------------------------------------------- the engine, and the rest
async def test_the_engine_is_rebuilt_from_a_shortened_log(native_pool: Pool) -> None:
    """Events are gone, control entries are not: open alerts stay open and numbers go on."""
    async with open_home(native_pool) as home:
        await ensure_partitions(home.conn, NOW - timedelta(days=1))
        await _story(home)
        control = await read_input(home.conn, 0)
        await drop_old(home.conn, Keep(events=timedelta(days=8)), NOW + timedelta(days=30))
        assert await number(home.conn, "SELECT count(*) FROM event") == 0
        assert await read_input(home.conn, 0) == control
        home.engine = LiveEngine()
        await home.engine.bootstrap(home.conn)
        await home.run(("sos-1", "sos.pressed", NOW + timedelta(days=30)))
        presses = await rows(
            home.conn, "SELECT id, occurrences FROM alert WHERE rule = 'S-01' AND handling <> 'closed'"
        )
        assert presses == [{"id": 4, "occurrences": 2}]


async def test_the_chore_of_ingest_does_it(pool: Pool) -> None:
    """Quarantine and hourly beats go by their age; what is young stays."""
    async with open_home(pool) as home:
        await home.conn.execute(
            "INSERT INTO quarantine (received_at, topic, source, reason, payload, payload_size) "
            "SELECT now() - make_interval(days => n), 't', 's', 'r', '', 0 FROM generate_series(1, 40) n"
        )
        await home.conn.execute(
            "INSERT INTO heartbeat_hour SELECT %s, now() - make_interval(days => n), 60 FROM generate_series(1, 200) n",
            [home.devices["sos-1"]],
        )
        await tidy_up(home.conn, Keep())
        assert await number(home.conn, "SELECT count(*) FROM quarantine") == 29
        assert await number(home.conn, "SELECT count(*) FROM heartbeat_hour") == 179
        told = await rows(home.conn, "SELECT what, amount FROM deletion ORDER BY what")
        assert told == [{"what": "heartbeats", "amount": 21}, {"what": "quarantine", "amount": 11}]
