"""One ingest holds the partition, another stands by: as processes of their own, killed, stopped and woken."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiomqtt
import pytest

from devices.registry import import_registry
from ingest.post import FIRST_CHANCE_SECONDS, Post
from store.head import Fenced, lock_head
from store.holder import check_epoch, prove
from store.pool import Pool, connect
from tests.homes import ONE_HOME
from tests.ingest_parts import PATIENCE, count, publishing, register, rows, running_ingest, say, settings, until, value
from tests.parts import RunningBroker, broker

__all__ = ["broker"]

STOOD_BY = "standing by, unconnected"
FENCED = "disconnected, standing by"


class Process:
    """An ingest with the rule engine, as `shouwang ingest` runs it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log: list[str] = []
        assert process.stderr is not None
        self._reader = asyncio.create_task(self._read(process.stderr))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self.log.append(line.decode())

    def send(self, number: int) -> None:
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    async def said(self, words: str, times: int = 1) -> None:
        await until(lambda: sum(words in line for line in self.log) >= times, 2 * PATIENCE)

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader


@asynccontextmanager
async def ingests(broker: RunningBroker, database_url: str, pool: Pool) -> AsyncIterator[tuple[Process, Process]]:
    """A home, an ingest that holds the partition and is connected, and one that stands by."""
    async with pool.connection() as conn:
        await import_registry(conn, ONE_HOME, file="home.toml", by="test", now=datetime.now(UTC))
    made = settings(broker.url("ingest"), database_url)
    async with AsyncExitStack() as ends:

        async def started() -> Process:
            argv = (sys.executable, "-m", "tests.standby_process", made.client_id, broker.url("ingest"), database_url)
            process = Process(await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE))
            ends.push_async_callback(process.end)
            return process

        first = await started()
        await until(lambda: connected(pool), 2 * PATIENCE)
        second = await started()
        await second.said(STOOD_BY)
        yield first, second


async def connected(pool: Pool, epoch: int = 0) -> bool:
    """Whether the holder of a later epoch has its session."""
    told = await rows(pool, "SELECT detail FROM part WHERE name = 'ingest'")
    return bool(told and told[0]["detail"].get("session") and told[0]["detail"]["epoch"] > epoch)


async def publish(client: aiomqtt.Client, first: int, last: int) -> None:
    """Presses without identity: whatever is stored twice shows."""
    for n in range(first, last):
        await say(client, "h1/sos-1", payload={"type": "sos.pressed", "id": f"p{n}", "value": n})


async def all_there_once(pool: Pool, n: int) -> None:
    """Every press is stored once, and they are one alert with as many occurrences."""
    await until(lambda: count(pool, "event WHERE value <> 'NaN'", at_least=n), 2 * PATIENCE)
    stored = await rows(pool, "SELECT value FROM event WHERE value <> 'NaN' ORDER BY value")
    assert [row["value"] for row in stored] == list(range(n))
    assert await rows(pool, "SELECT occurrences FROM alert WHERE rule = 'S-01'") == [{"occurrences": n}]


async def test_a_killed_holder_is_followed_at_once(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Nothing is lost or doubled, the epoch rose, an open door's timer goes on; the standby was never connected."""
    async with ingests(broker, database_url, pool) as (first, second), publishing(broker.url("publisher")) as client:
        epoch = await value(pool, "SELECT epoch FROM head")
        opened = datetime.now(UTC) - timedelta(hours=3)
        await until(lambda: count(pool, "part WHERE name = 'standby' AND ok"))
        assert (await rows(pool, "SELECT detail FROM part WHERE name = 'ingest'"))[0]["detail"]["epoch"] == epoch
        await publish(client, 0, 20)
        await until(lambda: count(pool, "event", at_least=20))
        assert not any("connected to the broker" in line for line in second.log)
        publishing_on = asyncio.create_task(publish(client, 20, 60))
        first.send(signal.SIGKILL)
        await say(client, "h1/mag-1", payload={"type": "door.opened", "at": opened.isoformat()})
        await publishing_on
        await second.said("taking over the partition")
        await all_there_once(pool, 60)
        await until(lambda: count(pool, "alert WHERE rule = 'D-03'"), 2 * PATIENCE)
        assert await value(pool, "SELECT epoch FROM head") == epoch + 1
        await until(lambda: connected(pool, epoch))
        assert await until(lambda: _no_standby(pool))


async def _no_standby(pool: Pool) -> bool:
    return not await count(pool, "part WHERE name = 'standby'")


async def test_a_stopped_holder_is_followed_and_stands_by_when_it_wakes(
    broker: RunningBroker, database_url: str, pool: Pool
) -> None:
    """Stopped under traffic: the standby takes over. Woken: it writes and acknowledges nothing, and stands by."""
    async with ingests(broker, database_url, pool) as (first, second), publishing(broker.url("publisher")) as client:
        epoch = await value(pool, "SELECT epoch FROM head")
        await publish(client, 0, 20)
        first.send(signal.SIGSTOP)
        await publish(client, 20, 40)
        await second.said("ending its session")
        await until(lambda: connected(pool, epoch), 4 * PATIENCE)
        await publish(client, 40, 60)
        await all_there_once(pool, 60)
        before = len(first.log)
        first.send(signal.SIGCONT)
        await first.said(FENCED)
        await first.said(STOOD_BY)
        assert not any("connected to the broker" in line for line in first.log[before:])
        await publish(client, 60, 70)
        await all_there_once(pool, 70)
        assert await value(pool, "SELECT epoch FROM head") == epoch + 1
        second.send(signal.SIGKILL)
        await publish(client, 70, 80)
        await all_there_once(pool, 80)
        assert await value(pool, "SELECT epoch FROM head") == epoch + 2


async def test_a_holder_stopped_in_the_middle_of_a_copy_is_followed(
    broker: RunningBroker, database_url: str, pool: Pool
) -> None:
    """Its transaction keeps the head row and is busy in the server's eyes: whoever follows ends it."""
    async with ingests(broker, database_url, pool) as (first, second):
        epoch = await value(pool, "SELECT epoch FROM head")
        # Not as a context: that would end the COPY politely.
        stuck = await connect(database_url, name="ingest")
        try:
            await stuck.execute("BEGIN")
            await lock_head(stuck)
            stuck.pgconn.send_query(b"COPY quarantine FROM STDIN")
            busy = "pg_stat_activity WHERE state = 'active' AND starts_with(query, 'COPY quarantine')"
            await until(lambda: count(pool, busy))
            first.send(signal.SIGKILL)
            await second.said("kept the head row")
            await until(lambda: connected(pool, epoch), 2 * PATIENCE)
        finally:
            await stuck.close()
        assert await value(pool, "SELECT epoch FROM head") == epoch + 1


async def test_after_a_lost_connection_the_holder_comes_first(database_url: str, pool: Pool) -> None:
    """Whoever stood by gives it time to take its lock again, and does so itself when it is the holder."""
    holder, other = Post(database_url), Post(database_url)
    await holder.stand_by()
    waiting = asyncio.create_task(other.stand_by())
    await until(lambda: other.waiting)
    epoch = await value(pool, "SELECT epoch FROM head")
    keeping = asyncio.create_task(holder.keep(epoch))
    try:
        async with pool.connection() as conn:
            sessions = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s"
            await conn.execute(sessions, ["shouwang-ingest-post"])
        await until(lambda: other._patient_until)
        await until(lambda: holder._connection is not None and holder._held and not holder._connection.closed)
        await until(lambda: other._patient_until <= asyncio.get_running_loop().time(), FIRST_CHANCE_SECONDS + PATIENCE)
        assert not waiting.done()
        keeping.cancel()
        await holder.close()
        await asyncio.wait_for(waiting, PATIENCE)
    finally:
        keeping.cancel()
        waiting.cancel()
        await asyncio.wait([keeping, waiting])
        await holder.close()
        await other.close()


async def test_a_new_epoch_ends_the_post(database_url: str, pool: Pool) -> None:
    """Whoever keeps the lock of an epoch that has passed is told so; so is whoever proves it, or has a chore."""
    post = Post(database_url)
    await post.stand_by()
    async with await connect(database_url, name="test") as conn:
        await conn.execute("UPDATE head SET epoch = 7")
        with pytest.raises(Fenced):
            await post.keep(6)
        for act in (prove, check_epoch):
            with pytest.raises(Fenced):
                await act(conn, 6)
        batch = await value(pool, "SELECT batch FROM head")
        await post.prove(7)
        assert await value(pool, "SELECT batch FROM head") != batch
    await post.close()


async def test_a_second_ingest_stands_by_in_process(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """It neither fences the first nor connects; it follows a clean stop with whatever is queued."""
    await register(pool, "h1/d1")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as first:
        await first.caught_up()
        async with running_ingest(made) as second, publishing(broker.url("publisher")) as client:
            await until(lambda: second.service._post.waiting)
            await until(lambda: count(pool, "part WHERE name = 'standby'"))
            assert not hasattr(second.service, "_sessions")
            assert not first.task.done()
            await first.stop()
            await second.session()
            await say(client, "h1/d1", payload={"type": "door.opened", "id": "e1"})
            await until(lambda: count(pool, "event"))
        first.fenced = True
