"""What edits of the registry do to the watch: engine, ingest and broker follow them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import pytest

from alerts.live import LiveEngine
from alerts.schedule import micros
from devices.credentials import applied, applied_version, issue
from devices.directory import Directory
from devices.editing import Editor, change, create, merged
from devices.reach import Reason, Refused
from devices.registry import import_registry
from devices.removing import remove
from devices.scope import Scope
from store.errors import LockTimeout
from store.head import lock_head, read_input, save_head
from store.notify import listen
from store.pool import Connection, Pool, connect
from tests.engine_parts import columns
from tests.homes import TWO_HOMES
from tests.ingest_parts import count, publishing, rows, running_ingest, say, settings, until
from tests.parts import Login, RunningBroker

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
DOOR = {"site": "h1", "code": "mag-1", "kind": "door_sensor", "place": "door-1"}


def editor(now: datetime = START) -> Editor:
    return Editor(by="tester", scope=Scope.DISTRICT, now=now)


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as opened:
        await import_registry(opened, TWO_HOMES, file="f", by="tester", now=START)
        yield opened


async def lived(conn: Connection, engine: LiveEngine, until: datetime, *events: dict[str, Any]) -> None:
    """Take in what the log has, then events, then a watermark."""
    async with conn.transaction():
        head = await lock_head(conn)
        control = await read_input(conn, engine.position)
        batch = columns({**event, "position": head.position + n} for n, event in enumerate(events, 1))
        head.position += len(batch) + 1
        now = micros(until)
        await engine.run(conn, head, control=control, events=batch, watermark=now, received_at=now)
        await save_head(conn, head)
    engine.adopt()


async def alerts(conn: Connection) -> list[tuple[str, str]]:
    found = await conn.execute(b"SELECT rule, condition FROM alert ORDER BY id")
    return [(row["rule"], row["condition"]) for row in await found.fetchall()]


async def opened(conn: Connection) -> dict[str, Any]:
    """The door's opening as an event."""
    row = await (await conn.execute(b"SELECT id FROM device WHERE code = 'mag-1'")).fetchone()
    assert row is not None
    at = micros(START)
    return {"device": row["id"], "type": 1, "received_at": at, "effective_at": at, "at": at}


@pytest.mark.parametrize(
    ("table", "name"), [("device", ("h1", "mag-1")), ("place", ("h1", "door-1")), ("site", ("h1",))]
)
async def test_nothing_falls_due_any_more(conn: Connection, table: str, name: tuple[str, ...]) -> None:
    """A door that stands open is watched until its sensor, the door or the home is removed."""
    engine = LiveEngine()
    await engine.bootstrap(conn)
    await lived(conn, engine, START + timedelta(minutes=1), await opened(conn))
    await remove(conn, table, name, editor(START + timedelta(minutes=2)))
    await lived(conn, engine, START + timedelta(hours=2))
    assert await alerts(conn) == []


async def test_what_was_raised_clears(conn: Connection) -> None:
    """An alert about what is removed stays, cleared; without the removal it is raised and active."""
    engine = LiveEngine()
    await engine.bootstrap(conn)
    await lived(conn, engine, START + timedelta(hours=1), await opened(conn))
    assert await alerts(conn) == [("D-03", "active")]
    removal = await remove(conn, "device", ("h1", "mag-1"), editor(START + timedelta(hours=2)))
    assert (removal.ended["device"], removal.open_alerts) == (1, 0)  # the alert is the door's, which stays
    await lived(conn, engine, START + timedelta(hours=2))
    assert await alerts(conn) == [("D-03", "cleared")]


async def test_watched_again(conn: Connection) -> None:
    """What comes back has its number, and nothing is remembered that nobody saw."""
    engine = LiveEngine()
    await engine.bootstrap(conn)
    door = await opened(conn)
    await lived(conn, engine, START, door)
    await remove(conn, "device", ("h1", "mag-1"), editor())
    await create(conn, "device", DOOR, editor(START + timedelta(minutes=1)))
    await lived(conn, engine, START + timedelta(hours=2))
    assert await alerts(conn) == []
    late = micros(START + timedelta(hours=3))
    await lived(
        conn, engine, START + timedelta(hours=4), door | dict.fromkeys(("received_at", "effective_at", "at"), late)
    )
    assert await alerts(conn) == [("D-03", "active")]


async def test_a_second_directory_agrees(conn: Connection) -> None:
    """A directory that follows the log and one that reads the database know the same devices."""
    following = Directory()
    await following.load(conn)
    before = (await read_input(conn, 0))[-1].position
    await create(conn, "device", {"site": "h1", "code": "gw-1", "kind": "gateway"}, editor())
    await change(conn, "device", ("h1", "mag-1"), {"gateway": "gw-1", "heartbeat": "30s"}, editor())
    await remove(conn, "site", ("h2",), editor())
    await remove(conn, "device", ("h1", "gw-1"), editor())
    for entry in await read_input(conn, before):
        following.apply(entry.body)
    fresh = Directory()
    await fresh.load(conn)
    assert (
        following.id_of == fresh.id_of == {f"h1/{code}": following.id_of[f"h1/{code}"] for code in ("sos-1", "mag-1")}
    )
    mag = fresh.id_of["h1/mag-1"]
    assert (
        (following.gateway[mag], following.heartbeat[mag])
        == (fresh.gateway[mag], fresh.heartbeat[mag])
        == (0, 30_000_000)
    )


async def test_one_of_two_gets_the_code(conn: Connection, database_url: str) -> None:
    """Two who register the same code at once: one does, the other is told."""

    async def make() -> Reason | None:
        async with await connect(database_url, name="test") as mine:
            try:
                await create(mine, "site", {"code": "h9", "kind": "home"}, editor())
            except Refused as refused:
                return refused.reason
            return None

    outcomes = await asyncio.gather(*(make() for _ in range(4)))
    assert sorted(outcomes, key=str) == [None, *[Reason.TAKEN] * 3]
    found = await (await conn.execute(b"SELECT count(*) AS n FROM site WHERE code = 'h9'")).fetchone()
    assert found == {"n": 1}


async def test_a_held_log_is_told(conn: Connection, database_url: str) -> None:
    """Where the log stays taken, the edit gives up and has changed nothing."""
    async with await connect(database_url, name="test") as other, other.transaction():
        await lock_head(other)
        with pytest.raises(LockTimeout):
            await remove(conn, "site", ("h1",), editor())
    row = await (await conn.execute(b"SELECT count(*) AS n FROM site WHERE removed_at IS NOT NULL")).fetchone()
    assert row == {"n": 0}


async def test_ended_credentials_are_told(conn: Connection, database_url: str) -> None:
    """The broker is woken with a version that tells when it knows, which a device without credentials has not."""
    old = await issue(conn, site="h1", device="sos-1", now=START)
    await applied(conn, old.version)
    notices = listen(database_url, "broker_users")
    assert (await anext(notices)).channel == ""
    removal = await remove(conn, "device", ("h1", "sos-1"), editor())
    assert removal.version is not None
    assert removal.version > old.version
    async with asyncio.timeout(20):
        assert (await anext(notices)).payload == str(removal.version)
    await notices.aclose()
    assert await applied_version(conn) < removal.version
    assert (await remove(conn, "device", ("h1", "mag-1"), editor())).version is None


async def test_the_connection_ends(broker: RunningBroker) -> None:
    """Who is no longer among the broker's users is cut off and cannot come back."""
    gone, stays = await broker.add("h1:sos-1", "h1:mag-1")
    async with publishing(broker.device_url(stays), identifier=stays.username) as standing:
        with pytest.raises(aiomqtt.MqttError):
            await cut_off(broker, gone, stays)
        await standing.publish("shouwang/v1/h1/mag-1/event", b"{}", qos=1)
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with publishing(broker.device_url(gone), identifier=gone.username):
            pass


async def cut_off(broker: RunningBroker, gone: Login, stays: Login) -> None:
    """Connect, lose one's credentials, and listen until the connection ends."""
    async with publishing(broker.device_url(gone), identifier=gone.username) as client:
        await broker.admit(stays)
        async with asyncio.timeout(20):
            async for _ in client.messages:
                raise AssertionError("nothing was to be heard")


async def test_ingest_forgets(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Of a removed device nothing is taken; one that comes back is not silent before it was heard."""
    async with pool.connection() as conn:
        await import_registry(conn, TWO_HOMES, file="f", by="tester", now=START)
        await create(conn, "device", {"site": "h1", "code": "cam", "kind": "camera", "heartbeat": "1s"}, editor())
        ids = {row["code"]: row["id"] for row in await rows(pool, "SELECT id, code FROM device WHERE code = 'cam'")}
        async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
            await ingest.caught_up()
            async with publishing(broker.url("publisher")) as client:
                await say(client, "h1/cam", "heartbeat", b"", qos=0)
                await until(lambda: [e for e in ingest.engine.control if e.kind == "device"])
                cam = ingest.service._holding.liveness.rows
                await remove(conn, "device", ("h1", "cam"), editor())
                await until(lambda: cam["last_seen"][ids["cam"]] == 0)
                await say(client, "h1/cam", payload={"type": "camera.offline"})
                await until(lambda: count(pool, "quarantine", at_least=1))
                await create(
                    conn, "device", {"site": "h1", "code": "cam", "kind": "camera", "heartbeat": "1s"}, editor()
                )
                await until(lambda: cam["interval"][ids["cam"]] > 0)
                await say(client, "h1/sos-1", payload={"type": "sos.pressed"})
                await until(lambda: count(pool, "event", at_least=1))
                assert ingest.service._holding.liveness.changes(micros(datetime.now(UTC)), [], scan=True) == []
    assert await rows(pool, "SELECT reason FROM quarantine") == [{"reason": "unknown_device"}]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    """The examples of RFC 7396, appendix A."""
    assert merged(target, patch) == result
