"""Heartbeats, statuses, silence, and what of them becomes an entry of the log."""

from datetime import datetime
from typing import Any

import aiomqtt

from store.pool import Pool
from tests.ingest_parts import (
    RecordingEngine,
    count,
    publishing,
    register,
    rows,
    running_ingest,
    say,
    settings,
    settled,
    until,
)
from tests.parts import RunningBroker, broker

__all__ = ["broker"]


def _told(engine: RecordingEngine) -> list[tuple[int, str]]:
    return [(entry.body["device"], entry.body["state"]) for entry in engine.control if entry.kind == "device"]


async def _beat(client: aiomqtt.Client, name: str, payload: Any = b"") -> None:
    await say(client, name, "heartbeat", payload, qos=0)


async def test_silence_is_told_once_and_its_end_too(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Three beats missed: `suspect`, since the last life; the next life: `heard`. Who was never heard is not told."""
    ids = await register(pool, "h1/cam", "h1/mute", heartbeat="1 second", kind="camera")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.caught_up()
        async with publishing(broker.url("publisher")) as client:
            await _beat(client, "h1/cam")
            await until(lambda: _told(ingest.engine))
            assert _told(ingest.engine) == [(ids["h1/cam"], "suspect")]
            entry = next(e for e in ingest.engine.control if e.kind == "device")
            seen = ingest.service._holding.liveness.rows["last_seen"][ids["h1/cam"]]
            assert entry.body["since"] == seen
            await _beat(client, "h1/cam")
            await until(lambda: len(_told(ingest.engine)) == 2)
            assert _told(ingest.engine)[1] == (ids["h1/cam"], "heard")
    state = await rows(pool, "SELECT device, liveness FROM device_state")
    assert state == [{"device": ids["h1/cam"], "liveness": "ok"}]


async def test_events_are_life_too(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Whatever a device says, even what nobody can decode, says that it is there."""
    ids = await register(pool, "h1/a", "h1/b")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/a", payload={"type": "door.opened"})
            await say(client, "h1/b", payload=b"{")
        await settled(ingest)
        seen = ingest.service._holding.liveness.rows["last_seen"]
        await until(lambda: seen[ids["h1/a"]] and seen[ids["h1/b"]])


async def test_last_will(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """`offline` is told at once and is no life; the replay after a restart is known; `online` is life."""
    ids = await register(pool, "h1/cam", kind="camera")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
        await ingest.session()
        await say(client, "h1/cam", "status", b"offline", retain=True)
        await until(lambda: _told(ingest.engine))
        assert ingest.service._holding.liveness.rows["last_seen"][ids["h1/cam"]] == 0
    async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
        await ingest.caught_up()
        assert _told(ingest.engine) == []
        await say(client, "h1/cam", "status", {"state": "online"}, retain=True)
        await until(lambda: _told(ingest.engine))
        assert _told(ingest.engine) == [(ids["h1/cam"], "heard")]
    state = await rows(pool, "SELECT status, liveness FROM device_state")
    assert state == [{"status": "online", "liveness": "ok"}]


async def test_retained_offline_of_before_our_time(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """A last known state that nobody knew yet is told once."""
    ids = await register(pool, "h1/cam", kind="camera")
    async with publishing(broker.url("publisher")) as client:
        await say(client, "h1/cam", "status", b"offline", retain=True)
    made = settings(broker.url("ingest"), database_url)
    for told in ([(ids["h1/cam"], "offline")], []):
        async with running_ingest(made) as ingest:
            await ingest.caught_up()
            assert _told(ingest.engine) == told


async def test_beats_are_counted_by_the_hour(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Hourly counts and the last readings, flushed; a stop flushes too."""
    ids = await register(pool, "h1/cam", heartbeat="60 seconds", kind="camera")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.caught_up()
        async with publishing(broker.url("publisher")) as client:
            for n in range(3):
                await _beat(client, "h1/cam", {"battery": 90 + n, "rssi": -60})
            await until(lambda: ingest.service._holding.liveness.rows["battery"][ids["h1/cam"]] == 92)
    assert await rows(pool, "SELECT device, sum(beats) AS beats FROM heartbeat_hour GROUP BY 1") == [
        {"device": ids["h1/cam"], "beats": 3}
    ]
    assert await rows(pool, "SELECT battery, rssi, liveness FROM device_state") == [
        {"battery": 92, "rssi": -60, "liveness": "ok"}
    ]


async def test_restart_alone_tells_of_no_silence(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Nobody listened meanwhile: the stall is in the log before anything else, and the silence counts from its end."""
    await register(pool, "h1/cam", heartbeat="2 seconds", kind="camera")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
        await ingest.caught_up()
        await _beat(client, "h1/cam")
        await until(ingest.service._holding.liveness.rows["last_seen"].any)
    async with running_ingest(made) as ingest:
        stall = (await until(lambda: [e for e in ingest.engine.control if e.kind == "stall"]))[0]
        # Silent for longer than three beats by now, or soon: none of it is the camera's fault.
        told = await until(lambda: [e for e in ingest.engine.control if e.kind == "device"])
        assert told[0].body["since"] == stall.body["to"]
        assert _micros(told[0].at) - stall.body["to"] > 6_000_000


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


async def test_watermark_only_when_something_is_due(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """The clock enters the log only while caught up and when it fires something, and never goes back."""
    await register(pool, "h1/d1")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        ingest.engine.is_due = True
        await ingest.session()
        assert ingest.engine.watermarks == []
        await ingest.caught_up()
        await until(lambda: len(ingest.engine.watermarks) > 3)
        ingest.engine.is_due = False
        marks = ingest.engine.watermarks
        assert marks == sorted(set(marks))
        written = await rows(pool, "SELECT at FROM input_log WHERE kind = 'watermark' ORDER BY position")
        assert [_micros(row["at"]) for row in written][: len(marks)] == marks


async def test_part_says_when_devices_may_come(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """`session` is true once every filter of the durable session is granted: what is published then is kept."""
    async with running_ingest(settings(broker.url("ingest"), database_url)):

        async def ready() -> bool:
            told = await rows(pool, "SELECT ok, detail FROM part WHERE name = 'ingest'")
            return bool(told and told[0]["ok"] and told[0]["detail"]["session"])

        await until(ready)
    assert await count(pool, "event") == 0
