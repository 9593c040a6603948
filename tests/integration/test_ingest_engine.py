"""Ingest with the real rule engine: from a message to an alert."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.live import LiveEngine
from alerts.versions import put_overrides
from devices.registry import import_registry
from ingest.batcher import wall_micros
from store.pool import Pool
from tests.ingest_parts import count, publishing, rows, running_ingest, say, settings, settled, until
from tests.parts import RunningBroker, broker

__all__ = ["broker"]

pytestmark = pytest.mark.usefixtures("home")

HOME = """
[[site]]
code = "h1"
kind = "home"
timezone = "Asia/Shanghai"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "exit"
[[resident]]
code = "r1"
site = "h1"
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "r1"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
[[device]]
site = "h1"
code = "cam-1"
kind = "camera"
place = "door-1"
"""


@pytest.fixture
async def home(pool: Pool) -> None:
    """One home with a button, a door and a camera."""
    async with pool.connection() as conn:
        await import_registry(conn, HOME, file="home.toml", by="test", now=datetime.now(UTC))


async def _alerts(pool: Pool) -> list[dict[str, Any]]:
    return await rows(pool, "SELECT rule, occurrences, flags, raised_at, condition FROM alert ORDER BY id")


async def test_press_is_an_alert(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """In the same transaction as its event; again is an occurrence, the same once more is nothing."""
    async with running_ingest(settings(broker.url("ingest"), database_url), LiveEngine()) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            for press in ("p1", "p2", "p2"):
                await say(client, "h1/sos-1", payload={"type": "sos.pressed", "id": press})
            await until(lambda: count(pool, "event", at_least=2))
        await settled(ingest)
    assert [(a["rule"], a["occurrences"]) for a in await _alerts(pool)] == [("S-01", 2)]


async def test_presses_queued_over_restarts_count_once_each(
    broker: RunningBroker, database_url: str, pool: Pool
) -> None:
    """One alert, however often ingest starts anew between and whatever it had not acknowledged."""
    made = settings(broker.url("ingest"), database_url)
    async with publishing(broker.url("publisher")) as client:
        for turn in range(3):
            async with running_ingest(made, LiveEngine()) as ingest:
                await ingest.session()
                for n in range(40):
                    await say(client, "h1/sos-1", payload={"type": "sos.pressed", "id": f"{turn}-{n}"})
        async with running_ingest(made, LiveEngine()) as ingest:
            await until(lambda: count(pool, "event", at_least=120))
            await settled(ingest)
    assert [(a["rule"], a["occurrences"]) for a in await _alerts(pool)] == [("S-01", 120)]


async def test_deadline_that_passed_while_down(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """A door opened and never closed while nobody watched: raised on start, with its true due time."""
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made, LiveEngine()) as ingest:
        await ingest.session()
    opened = (datetime.now(UTC) - timedelta(minutes=40)).replace(microsecond=0)
    async with publishing(broker.url("publisher")) as client:
        await say(client, "h1/mag-1", payload={"type": "door.opened", "at": opened.isoformat()})
    async with running_ingest(made, LiveEngine()):
        raised = (await until(lambda: _alerts(pool)))[0]
    assert raised["rule"] == "D-03"
    assert raised["raised_at"] - opened in (timedelta(minutes=10), timedelta(minutes=5))


async def test_backlog_is_judged_by_its_own_times(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """A door that was closed in time raises nothing, though both were read long after its deadline."""
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made, LiveEngine()) as ingest:
        await ingest.session()
    start = datetime.now(UTC) - timedelta(hours=1)
    async with publishing(broker.url("publisher")) as client:
        for minute in range(0, 50, 5):
            for kind, seconds in (("door.opened", 0), ("door.closed", 200)):
                at = start + timedelta(minutes=minute, seconds=seconds)
                await say(client, "h1/mag-1", payload={"type": kind, "at": at.isoformat()})
    async with running_ingest(made, LiveEngine()) as ingest:
        await ingest.caught_up()
        await until(lambda: count(pool, "event", at_least=20))
        stored_at = wall_micros()
        # By then the rules were judged up to a moment after the last of them.
        await until(lambda: (ingest.service._standing.alive_at or 0) > stored_at)
    assert await _alerts(pool) == []


async def test_what_a_slow_broker_still_holds_is_waited_for(
    broker: RunningBroker, database_url: str, pool: Pool
) -> None:
    """A door is closed in time, and the broker passes it on after the door would have been too long open."""
    terms = {"after": "4s", "night.after": "4s"}
    async with running_ingest(settings(broker.url("ingest"), database_url), LiveEngine()) as ingest:
        await ingest.caught_up()
        async with pool.connection() as conn:
            await put_overrides(conn, "D-03", [{"scope": "site:h1", "set": terms}], by="test", now=datetime.now(UTC))
        async with publishing(broker.url("publisher")) as client:
            opened = datetime.now(UTC)
            await say(client, "h1/mag-1", payload={"type": "door.opened", "at": opened.isoformat()})
            await until(lambda: count(pool, "event"))
            broker.pause()
            shut = (opened + timedelta(seconds=2)).isoformat()
            closing = asyncio.create_task(say(client, "h1/mag-1", payload={"type": "door.closed", "at": shut}))
            await asyncio.sleep(6)
            broker.resume()
            await closing
        closed_at = wall_micros()
        await until(lambda: (ingest.service._standing.alive_at or 0) > closed_at)
        assert await count(pool, "event") == 2
    assert await _alerts(pool) == []


async def test_broker_restart_alone_raises_no_silence(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """The pause is a stall in the log; a camera that was heard before and after it was never silent."""
    async with running_ingest(settings(broker.url("ingest"), database_url), LiveEngine()) as ingest:
        await ingest.caught_up()
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/cam-1", "heartbeat", qos=0)
        await broker.kill()
        await until(lambda: not ingest.service._standing.granted)
        await broker.start()
        await ingest.caught_up()
        await until(lambda: count(pool, "input_log WHERE kind = 'stall'"))
    assert await _alerts(pool) == []
