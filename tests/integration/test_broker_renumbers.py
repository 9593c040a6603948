"""A broker that is restarted numbers its packets anew: an acknowledgement must not hit another message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count as counting

from ingest.tracker import Tracker
from store.pool import Pool
from tests.ingest_parts import (
    Ingest,
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
from tests.mqtt_witness import Witness, witnessed
from tests.parts import RunningBroker, broker

__all__ = ["broker"]

RESTARTS = 10
# So many in flight that their new packet ids reach those that marks have used up meanwhile.
COMMITTED, IN_FLIGHT = 15, 200


class NoGenerations(Tracker):
    """The fault: packet ids alone say which delivery is meant, whatever connection it came on."""

    def begin(self) -> int:
        self.generation += 1
        return self.generation

    def settle(self, generation: int, packet: int, serial: int, *, now: float) -> bool:
        del generation, serial, now
        return self._in_flight.pop(packet, None) is not None


class Run:
    """An ingest behind a witness, its broker, and the values of events that were acknowledged uncommitted."""

    def __init__(self, broker: RunningBroker, ingest: Ingest, pool: Pool, witness: Witness, untrue: list[int]) -> None:
        self.broker, self.ingest, self.pool, self.witness, self.untrue = broker, ingest, pool, witness, untrue
        self._values = counting(1)
        self.said = 0

    async def publish(self, many: int) -> None:
        async with publishing(self.broker.url("publisher")) as client:
            for _ in range(many):
                self.said = next(self._values)
                await say(client, "h1/d1", payload={"type": "door.opened", "id": f"e{self.said}", "value": self.said})

    async def restart_idle(self) -> None:
        """With nothing in flight: from here on packet ids are low, so that the next restart gives them to others."""
        await self._renew()
        await self.publish(COMMITTED)
        await self.stored()

    async def restart_in_flight(self) -> None:
        """With deliveries in ingest's hands that are committed only when their packet ids are others'."""
        async with self.pool.connection() as conn, conn.transaction():
            await conn.execute("SELECT 1 FROM head FOR UPDATE")  # nothing commits within this block
            await self.publish(IN_FLIGHT)
            await until(lambda: len(self.ingest.service._events._tracker) >= IN_FLIGHT)
            before = self.witness.delivered
            await self._renew()
            await until(lambda: self.witness.delivered >= before + IN_FLIGHT)
        await self.stored()

    async def _renew(self) -> None:
        tracker = self.ingest.service._events._tracker
        generation = tracker.generation
        await self.broker.kill()
        await self.broker.start()
        await until(lambda: tracker.generation > generation)
        await self.ingest.session()

    async def stored(self) -> None:
        await until(lambda: count(self.pool, "event", at_least=self.said))
        await settled(self.ingest)


@asynccontextmanager
async def run(broker: RunningBroker, database_url: str, pool: Pool) -> AsyncIterator[Run]:
    """Batches are small, so that a commit is not of all that is in flight."""
    untrue: list[int] = []

    async def acknowledged(values: list[int]) -> None:
        stored = {row["value"] for row in await rows(pool, "SELECT value FROM event WHERE value = ANY(%s)", values)}
        untrue.extend(value for value in values if value not in stored)

    await register(pool, "h1/d1")
    async with witnessed(broker.port, acknowledged) as witness:
        url = broker.url("ingest").replace(f":{broker.port}", f":{witness.port}")
        made = settings(url, database_url, batch_messages=10)
        async with running_ingest(made) as ingest:
            await ingest.session()
            yield Run(broker, ingest, pool, witness, untrue)


async def test_ten_restarts_with_packet_ids_renumbered(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Of every event that was acknowledged the row was there at that moment; each is stored once."""
    async with run(broker, database_url, pool) as running:
        for _ in range(RESTARTS // 2):
            await running.restart_idle()
            await running.restart_in_flight()
        assert running.untrue == []
        stored = await rows(pool, "SELECT value FROM event ORDER BY value")
        assert [row["value"] for row in stored] == list(range(1, running.said + 1))


async def test_a_tracker_without_generations_is_found(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Two of the same restarts show it: an event that is in nobody's database is acknowledged."""
    async with run(broker, database_url, pool) as running:
        running.ingest.service._events._tracker = NoGenerations()
        await running.restart_idle()
        await running.restart_in_flight()
        assert running.untrue
