"""From the broker to the database: what is stored, what is not, and what is said of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.columns import FLAG_DELAYED, FLAG_RETAINED, FLAG_SKEWED, FLAG_TEST
from store.pool import Pool
from tests.ingest_parts import (
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

PRESS = {"type": "sos.pressed", "id": "p1"}


async def test_event_is_stored_with_its_columns(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Every column says what the device said, and the engine was fed the same."""
    ids = await register(pool, "h1/d1")
    said = {
        "type": "water.metered",
        "seq": 7,
        "boot": "b",
        "value": 1.5,
        "unit": "m3",
        "battery": 97,
        "data": {"x": "水"},
    }
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/d1", payload=said)
        await until(lambda: count(pool, "event"))
        event = (await rows(pool, EVENT))[0]
        assert (event["device"], event["type"], event["value"], event["seq"]) == (ids["h1/d1"], 23, 1.5, 7)
        assert event["timeless"]
        assert event["effective_at"] == event["received_at"]
        assert event["detail"] == {"boot": "b", "unit": "m3", "battery": 97, "data": {"x": "水"}}
        fed = [ran.events for ran in ingest.engine.adopted if len(ran.events)]
        assert fed[0]["position"].tolist() == [event["position"]]


EVENT = """
SELECT position, device, type, value, seq, flags, received_at, effective_at, detail, at = '-infinity' AS timeless
  FROM event ORDER BY position
"""


async def test_duplicates_are_acknowledged_and_not_stored(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """The same identity again, at once and after the first is long committed; nothing stays unacknowledged."""
    await register(pool, "h1/sos-1")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            await asyncio.gather(*[say(client, "h1/sos-1", payload=PRESS) for _ in range(3)])
            await until(lambda: count(pool, "event"))
            await say(client, "h1/sos-1", payload=PRESS)
            await say(client, "h1/sos-1", payload={"type": "sos.pressed", "id": "p2"})
        await until(lambda: count(pool, "event", at_least=2))
        await settled(ingest)
        assert await count(pool, "event") == 2


async def test_event_without_identity_is_new_each_time(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Two presses in equal bytes are two: a duplicate beats a miss."""
    await register(pool, "h1/sos-1")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            for _ in range(2):
                await say(client, "h1/sos-1", payload={"type": "sos.pressed"})
        await until(lambda: count(pool, "event", at_least=2))


def _iso(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


async def test_two_clocks(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Device time where it is plausible; receipt, marked, where it is not; late emergencies are `delayed`."""
    await register(pool, "h1/d1")
    said: list[tuple[dict[str, Any], int]] = [
        ({"type": "door.opened", "id": "past", "at": _iso(hours=1)}, 0),
        ({"type": "door.opened", "id": "ancient", "at": "1990-01-01T00:00:00Z"}, FLAG_SKEWED),
        ({"type": "door.opened", "id": "future", "at": _iso(days=-300)}, FLAG_SKEWED),
        ({"type": "fall.detected", "id": "late", "at": _iso(minutes=5)}, FLAG_DELAYED),
        ({"type": "fall.detected", "id": "tried", "test": True}, FLAG_TEST),
    ]
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            for event, _ in said:
                await say(client, "h1/d1", payload=event)
        await until(lambda: count(pool, "event", at_least=len(said)))
    stored = {event["detail"]["id"]: event for event in await rows(pool, EVENT)}
    assert {event["id"]: stored[event["id"]]["flags"] for event, _ in said} == {e["id"]: flags for e, flags in said}
    assert stored["past"]["effective_at"] < stored["past"]["received_at"] - timedelta(minutes=59)
    assert stored["future"]["effective_at"] == stored["future"]["received_at"]


def _event(text: str) -> bytes:
    return text.encode()


OF_UNKNOWN_KIND = {"type": "contract.mark", "id": "mark"}
WRONG: list[tuple[str, str, bytes, str]] = [
    ("h1/d1", "event", b"{broken", "not_json"),
    ("h1/d1", "event", b"", "not_json"),
    ("h1/d1", "event", b"[]", "wrong_type"),
    ("h1/d1", "event", b'{"type":5}', "wrong_type"),
    ("h1/d1", "event", b"{}", "missing_type"),
    ("h1/d1", "event", b'{"type":"door.opened","value":"1"}', "wrong_type"),
    ("h1/d1", "event", b'{"type":"door.opened","value":true}', "wrong_type"),
    ("h1/d1", "event", b'{"type":"door.opened","value":NaN}', "not_json"),
    ("h1/d1", "event", b'{"type":"door.opened","id":"a\\u0000b"}', "nul_character"),
    ("h1/d1", "event", b'{"type":"door.opened","value":' + b"9" * 30 + b"}", "number_out_of_range"),
    ("h1/d1", "event", b'{"type":"door.opened","seq":' + b"9" * 30 + b"}", "number_out_of_range"),
    ("h1/d1", "event", b'{"type":"door.opened","data":{"n":' + b"9" * 30 + b"}}", "number_out_of_range"),
    ("h1/d1", "event", b'{"type":"door.opened","at":"2026-11-23T02:10:00"}', "no_offset"),
    ("h1/d1", "event", b'{"type":"door.opened","at":"yesterday"}', "bad_time"),
    ("h1/d1", "event", b"\xff{not json", "not_utf8"),
    ("h1/d1", "event", b'{"type":"door.opened","data":{"x":"' + b"x" * 1024 * 1024 + b'"}}', "too_large"),
    ("h1/d1", "batch", b'{"type":"door.opened"}', "wrong_type"),
    ("h1/d1", "batch", b'[{"type":"door.opened","id":"ok"},{"type":7}]', "wrong_type"),
    ("h1/d1", "batch", b'[{"type":"door.opened","device":"nobody"}]', "unknown_device"),
    ("h1/d1", "batch", b'[{"type":"door.opened","device":"d2"}]', "not_parent"),
    ("h1/d1", "status", b"asleep", "not_json"),
    ("h1/d1", "status", b'"asleep"', "bad_value"),
    ("h1/nobody", "event", b'{"type":"door.opened"}', "unknown_device"),
    ("h2/d1", "event", b'{"type":"door.opened"}', "wrong_site"),
]


async def test_everything_wrong_ends_in_quarantine(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Each with its reason and cut payload, acknowledged, and nothing beside it is lost."""
    await register(pool, "h1/d1", "h1/d2")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        # Before that presses overtake the rest.
        await ingest.caught_up()
        async with publishing(broker.url("publisher")) as client:
            for name, channel, payload, _ in WRONG:
                await say(client, name, channel, payload)
            await say(client, "h1/d1", payload=OF_UNKNOWN_KIND)
        await until(lambda: count(pool, "event", at_least=2))
        await settled(ingest)
    kept = await rows(pool, "SELECT topic, payload, payload_size, reason FROM quarantine ORDER BY id")
    assert [(row["topic"].split("/", 2)[2], row["reason"]) for row in kept] == [
        (f"{name}/{channel}", reason) for name, channel, _, reason in WRONG
    ]
    large = next(row for row in kept if row["reason"] == "too_large")
    assert (len(large["payload"]), large["payload_size"] > 1024 * 1024) == (4096, True)
    assert await count(pool, "event") == 2


async def test_wrong_heartbeat_ends_in_quarantine(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Heartbeats are not acknowledged one by one, but what is wrong with them is kept alike."""
    await register(pool, "h1/d1")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:

            async def both_told() -> bool:
                for name, payload in (("h1/d1", b"{"), ("h1/nobody", b"")):
                    await say(client, name, "heartbeat", payload, qos=0)
                found = await rows(pool, "SELECT DISTINCT reason FROM quarantine")
                return {row["reason"] for row in found} == {"not_json", "unknown_device"}

            await until(both_told)


async def test_unknown_types_are_stored_and_numbered(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Each name has one number for ever, also for the next ingest."""
    await register(pool, "h1/d1")
    made = settings(broker.url("ingest"), database_url)
    for turn in range(2):
        async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
            await ingest.session()
            for kind in ("x.one", "x.two"):
                await say(client, "h1/d1", payload={"type": kind, "id": f"{kind}{turn}"})
            await until(lambda turn=turn: count(pool, "event", at_least=2 * turn + 2))
    stored = await rows(pool, "SELECT name, count(*) AS n FROM event JOIN event_type ON id = type GROUP BY name")
    assert {row["name"]: row["n"] for row in stored} == {"x.one": 2, "x.two": 2}


async def test_one_bad_event_within_a_batch(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """The database refuses one of 2,000 for its data: that one is in quarantine, the others are stored in order."""
    await register(pool, "h1/d1")
    async with pool.connection() as conn:
        await conn.execute("ALTER TABLE event ADD CONSTRAINT unlucky CHECK (value <> 666)")
    items = [{"type": "water.metered", "id": f"w{n}", "value": 666 if n == 1313 else n % 600} for n in range(2000)]
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/d1", "batch", items)
        await until(lambda: count(pool, "event", at_least=1999))
        await settled(ingest)
    stored = [event["detail"]["id"] for event in await rows(pool, EVENT)]
    assert stored == [f"w{n}" for n in range(2000) if n != 1313]
    kept = await rows(pool, "SELECT reason, source FROM quarantine")
    assert kept == [{"reason": "refused_by_database", "source": "h1/d1"}]


async def test_device_registered_a_moment_ago_is_known(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Registration and first message race at every installation; nothing of a registered device is quarantined."""
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            for n in range(20):
                await register(pool, f"h{n}/d")
                await say(client, f"h{n}/d", payload=PRESS)
        await until(lambda: count(pool, "event", at_least=20))
        assert await count(pool, "quarantine") == 0
        registered = [entry for entry in ingest.engine.control if entry.kind == "registry"]
        assert len(registered) == 20


async def test_gateway_speaks_for_its_children(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Items of a batch are stored under the device they name, and prove its life."""
    ids = await register(pool, "h1/gw", "h1/child", gateways={"h1/child": "h1/gw"})
    items = [{"type": "door.opened", "id": "a", "device": "child"}, {"type": "battery.low", "id": "b"}]
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/gw", "batch", items)
        await until(lambda: count(pool, "event", at_least=2))
        seen = ingest.service._holding.liveness.rows["last_seen"]
        assert seen[ids["h1/child"]]
        assert seen[ids["h1/gw"]]
    assert [event["device"] for event in await rows(pool, EVENT)] == [ids["h1/child"], ids["h1/gw"]]


async def test_retained_event_is_stored_once_and_is_no_life(
    broker: RunningBroker, database_url: str, pool: Pool
) -> None:
    """A broker replays what is retained at each subscribing: known by its payload where it has no identity."""
    ids = await register(pool, "h1/sos-1", "h1/d1")
    made = settings(broker.url("ingest"), database_url)
    async with publishing(broker.url("publisher")) as client:
        await say(client, "h1/sos-1", payload={"type": "sos.pressed"}, retain=True)
    for _ in range(3):
        async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
            await ingest.caught_up()
            assert ingest.service._holding.liveness.rows["last_seen"][ids["h1/sos-1"]] == 0
    assert [event["flags"] for event in await rows(pool, EVENT)] == [FLAG_RETAINED | FLAG_DELAYED]


async def test_live_event_that_is_replayed_as_retained_is_known(
    broker: RunningBroker, database_url: str, pool: Pool
) -> None:
    """Heard live and published with retain: the replay after a reconnect raises nothing anew."""
    await register(pool, "h1/sos-1")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
        await ingest.session()
        await say(client, "h1/sos-1", payload={"type": "sos.pressed"}, retain=True)
        await until(lambda: count(pool, "event"))
        await settled(ingest)
    async with running_ingest(made) as ingest:
        await ingest.caught_up()
    assert [event["flags"] for event in await rows(pool, EVENT)] == [0]


async def test_quarantine_is_capped_per_source(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """The newest 1,000 of a device are kept; it cannot push out what another sent."""
    await register(pool, "h1/bad", "h1/other")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/other", payload=b"{")
            await asyncio.gather(*[say(client, "h1/bad", payload=str(n)) for n in range(1200)])
            await say(client, "h1/bad", payload={"type": "x.end", "id": "end"})
        await until(lambda: count(pool, "event"))
        await settled(ingest)
    kept = await rows(pool, "SELECT source, count(*) AS n, max(payload) AS last FROM quarantine GROUP BY 1 ORDER BY 1")
    assert [(row["source"], row["n"]) for row in kept] == [("h1/bad", 1000), ("h1/other", 1)]
