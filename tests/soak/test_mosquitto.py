"""Debian's Mosquitto as ingest's broker. Run by `scripts/soak`."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from store.pool import Pool
from tests.ingest_parts import count, publishing, register, rows, running_ingest, say, settings, settled, value
from tests.soak.mosquitto import Mosquitto, running_mosquitto

MESSAGES = 1_000


@pytest.fixture
def mosquitto(project: Path) -> Iterator[Mosquitto]:
    with running_mosquitto(project / "deploy") as broker:
        yield broker


async def _publish(client: aiomqtt.Client, first: int, number: int) -> None:
    for n in range(first, first + number, 200):
        await asyncio.gather(*(say(client, "h1/sos-1", payload=_event(k)) for k in range(n, n + 200)))


def _event(n: int) -> dict[str, object]:
    return {"type": "motion.detected", "id": f"m{n}", "seq": n, "boot": "b"}


async def test_nothing_is_lost_while_ingest_or_the_broker_is_away(mosquitto: Mosquitto, pool: Pool) -> None:
    """Its queue outlives ingest and, at an orderly end, the broker; every message is committed once."""
    await register(pool, "h1/sos-1")
    made = settings(mosquitto.url("ingest"), str(pool.conninfo))
    async with publishing(mosquitto.url("publisher")) as client:
        async with running_ingest(made) as ingest:
            await ingest.session()
            await _publish(client, 0, 200)
            await settled(ingest)
        # More than the thousand that Mosquitto holds by default.
        await _publish(client, 200, 6 * MESSAGES)
    mosquitto.end()
    mosquitto.start()
    async with running_ingest(made) as ingest, publishing(mosquitto.url("publisher")) as client:
        await ingest.session()
        await _publish(client, 200 + 6 * MESSAGES, MESSAGES)
        await count_until(pool, 200 + 7 * MESSAGES)
        await settled(ingest)
        await ingest.caught_up()
    assert await value(pool, "SELECT count(DISTINCT seq) FROM event") == 200 + 7 * MESSAGES
    assert await rows(pool, "SELECT seq FROM event GROUP BY seq HAVING count(*) > 1") == []


async def test_a_killed_broker_takes_little_along(mosquitto: Mosquitto, pool: Pool) -> None:
    """Killed, it is back with its session within seconds; what ingest had acknowledged is not asked for again."""
    await register(pool, "h1/sos-1")
    async with running_ingest(settings(mosquitto.url("ingest"), str(pool.conninfo))) as ingest:
        await ingest.session()
        async with publishing(mosquitto.url("publisher")) as client:
            await _publish(client, 0, MESSAGES)
        await count_until(pool, MESSAGES)
        mosquitto.end(signal.SIGKILL)
        mosquitto.start()
        async with publishing(mosquitto.url("publisher")) as client:
            await _publish(client, MESSAGES, MESSAGES)
        await count_until(pool, 2 * MESSAGES)
    assert await count(pool, "event") == 2 * MESSAGES


async def count_until(pool: Pool, wanted: int) -> None:
    async with asyncio.timeout(120):
        while not await count(pool, "event", at_least=wanted):  # noqa: ASYNC110 -- another process brings them
            await asyncio.sleep(0.05)


async def test_who_may_not_is_kept_out(mosquitto: Mosquitto, pool: Pool) -> None:
    """A wrong password is refused; the user of the watch process cannot publish an event."""
    with pytest.raises(aiomqtt.MqttError):
        async with publishing(f"mqtt://ingest:wrong@127.0.0.1:{mosquitto.port}"):
            pass
    await register(pool, "h1/sos-1")
    async with running_ingest(settings(mosquitto.url("ingest"), str(pool.conninfo))) as ingest:
        await ingest.session()
        async with publishing(mosquitto.url("watch")) as client:
            await say(client, "h1/sos-1", payload=_event(1))
        async with publishing(mosquitto.url("publisher")) as client:
            await say(client, "h1/sos-1", payload=_event(2))
        await count_until(pool, 1)
    assert await rows(pool, "SELECT seq FROM event") == [{"seq": 2}]
