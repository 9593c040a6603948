"""Kills, outages and lost answers: nothing acknowledged is lost, nothing is stored twice."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ingest.session import Session
from store.head import raise_epoch
from store.migrations import migrate
from store.pool import Pool, open_pool
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
    value,
)
from tests.ingest_process import REACHED
from tests.ingest_proxy import Break, commit_proxy
from tests.parts import RunningBroker, broker, paused_database, start_database

__all__ = ["broker"]

PRESS = {"type": "sos.pressed", "id": "p1"}


async def test_events_of_a_downtime_are_all_there_once(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """10,000 events published while ingest is down are stored after it starts, each once, in order."""
    await register(pool, "h1/d1")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as ingest:
        await ingest.session()
    async with publishing(broker.url("publisher")) as client:
        for first in range(0, 10_000, 500):
            said = [{"type": "door.opened", "id": f"e{n}", "value": n} for n in range(first, first + 500)]
            await asyncio.gather(*[say(client, "h1/d1", payload=event) for event in said])
    async with running_ingest(made) as ingest:
        await until(lambda: count(pool, "event", at_least=10_000), 60)
        await settled(ingest)
    stored = await rows(pool, "SELECT value FROM event ORDER BY position")
    assert sorted(row["value"] for row in stored) == list(range(10_000))


async def test_kill_with_a_press_in_the_transaction(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """SIGKILL before the commit: the press was not acknowledged, and the next ingest stores it within 5 s."""
    await register(pool, "h1/sos-1")
    made = settings(broker.url("ingest"), database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ingest_process", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{broker.url('ingest')}\t{database_url}\t{made.client_id}\n".encode())
    try:
        await until(lambda: value(pool, "SELECT epoch FROM head"))
        async with publishing(broker.url("publisher")) as client:
            pressing = asyncio.create_task(_press_until_heard(client))
            assert (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip() == REACHED
            pressing.cancel()
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await count(pool, "event") == 0
    async with running_ingest(made):
        await until(lambda: count(pool, "event"), 5)
    assert await count(pool, "event") == 1


async def _press_until_heard(client: object) -> None:
    # The process may not have subscribed yet: what is published before that is nobody's.
    while True:
        await say(client, "h1/sos-1", payload=PRESS)  # type: ignore[arg-type]  # aiomqtt's client
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _no_database(server_url: str, database_url: str) -> AsyncIterator[None]:
    """Nobody can use this test's database, as if it were down."""
    name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]))
    async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as admin:
        await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        await admin.execute(kill, [name.as_string().strip('"')])
        try:
            yield
        finally:
            await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


async def test_database_away(broker: RunningBroker, server_url: str, database_url: str) -> None:
    """Nothing is acknowledged meanwhile, nothing is lost, and ingest comes back by itself; the pause is in the log."""
    async with open_pool(database_url, name="test-before") as pool:
        await register(pool, "h1/d1")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.caught_up()
        async with publishing(broker.url("publisher")) as client, _no_database(server_url, database_url):
            for n in range(500):
                await say(client, "h1/d1", payload={"type": "door.opened", "id": f"e{n}"})
            await until(lambda: len(ingest.service._events._tracker) == 500)
            assert not ingest.service._link.ok
        async with open_pool(database_url, name="test-after") as pool:
            await until(lambda: count(pool, "event", at_least=500))
            await settled(ingest)
            assert await count(pool, "event") == 500
            await until(lambda: [e for e in ingest.engine.control if e.kind == "stall"])


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[str]:
    """A database server for this test alone, to be paused."""
    with start_database(tmp_path) as url:
        asyncio.run(migrate(url))
        yield url


async def test_database_hangs_and_comes_back(broker: RunningBroker, own_server: str) -> None:
    """Redelivered every two seconds meanwhile, also under new packet ids when it is over: committed once."""
    async with open_pool(own_server, name="test") as pool:
        await register(pool, "h1/sos-1")
        async with running_ingest(settings(broker.url("ingest"), own_server)) as ingest:
            await ingest.caught_up()
            receiver = ingest.service._events
            async with publishing(broker.url("publisher")) as client:
                with paused_database(own_server):
                    for n in range(200):
                        await say(client, "h1/sos-1", payload={"type": "sos.pressed", "id": f"p{n}"})
                    await until(lambda: len(receiver._tracker) == 200)
                    first = await until(lambda: max(0.0, receiver.redelivered_at))
                    await until(lambda: receiver.redelivered_at > first + 3.0)
            await until(lambda: count(pool, "event", at_least=200))
            await settled(ingest)
            # Whatever redelivery is still on its way arrives before ingest holds itself for caught up.
            await until(lambda: not ingest.service._standing.caught_up)
            await ingest.caught_up()
            assert await count(pool, "event") == 200


async def test_too_much_held_ends_the_connection_and_not_the_session(
    broker: RunningBroker, server_url: str, database_url: str
) -> None:
    """Above the limit ingest disconnects; memory stays bounded, the broker keeps the rest, all of it arrives."""
    async with open_pool(database_url, name="test-before") as pool:
        await register(pool, "h1/d1")
    limit = 100_000
    async with running_ingest(settings(broker.url("ingest"), database_url, held_bytes=limit)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client, _no_database(server_url, database_url):
            for n in range(600):
                await say(client, "h1/d1", payload={"type": "door.opened", "id": f"e{n}", "data": {"x": "x" * 500}})
            await until(lambda: not ingest.service._standing.granted)
            assert limit < ingest.service._inbox.held_bytes < 20 * limit
        async with open_pool(database_url, name="test-after") as pool:
            await until(lambda: count(pool, "event", at_least=600))
            await ingest.session()
            await settled(ingest)
            assert await count(pool, "event") == 600


@pytest.mark.parametrize("how", ["before commit", "after commit"])
async def test_commit_without_an_answer(broker: RunningBroker, database_url: str, pool: Pool, how: Break) -> None:
    """The outcome is looked up in the head row: adopted if it is there, written again if not; once either way."""
    await register(pool, "h1/sos-1")
    async with (
        commit_proxy(database_url) as (proxy, url),
        running_ingest(settings(broker.url("ingest"), url)) as ingest,
        publishing(broker.url("publisher")) as client,
    ):
        await ingest.caught_up()
        proxy.arm(how)
        for n in range(10):
            # Without identity: nothing but the head row can tell whether it is there.
            await say(client, "h1/sos-1", payload={"type": "sos.pressed", "value": n})
        await until(lambda: proxy.broken and count(pool, "event", at_least=10))
        await settled(ingest)
        stored = await rows(pool, "SELECT value, position FROM event ORDER BY position")
        assert [row["value"] for row in stored] == list(range(10))
        fed = [p for ran in ingest.engine.adopted for p in ran.events["position"].tolist()]
        assert fed == [row["position"] for row in stored]


async def test_fenced_ingest_stops(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """Once another has raised the epoch, nothing more is written and the session's connection is given up."""
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as ingest:
        await ingest.caught_up()
        async with pool.connection() as conn:
            await raise_epoch(conn)
        await ingest.fence()
        session = ingest.service._sessions.events
        assert isinstance(session, Session)
        assert not session._thread.is_alive()


async def test_stop_acknowledges_what_it_committed(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """A clean stop in the midst of traffic leaves nothing to be stored a second time, not even without identity."""
    await register(pool, "h1/sos-1")
    made = settings(broker.url("ingest"), database_url)
    async with publishing(broker.url("publisher")) as client:
        async with running_ingest(made) as ingest:
            await ingest.session()
            for n in range(50):
                await say(client, "h1/sos-1", payload=json.dumps({"type": "sos.pressed", "value": n}))
            await until(lambda: count(pool, "event"))
        async with running_ingest(made) as ingest:
            await ingest.caught_up()
            await until(lambda: count(pool, "event", at_least=50))
    stored = await rows(pool, "SELECT value FROM event")
    assert sorted(row["value"] for row in stored) == list(range(50))


async def test_refused_subscription_is_told(
    broker: RunningBroker, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that grants only in part is no session: said in the log, never `session: true`, tried again."""
    made = settings(broker.url("publisher"), database_url)
    async with running_ingest(made) as ingest:
        refused = "the broker refuses a subscription"
        await until(lambda: sum(record.message == refused for record in caplog.records) > 2)
        assert not ingest.service._standing.granted
        assert made.client_id not in caplog.text


async def test_guessed_client_id_ends_nothing(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """A client that takes whatever name a device may guess, with either clean flag, loses nobody a message."""
    await register(pool, "h1/d1")
    (login,) = await broker.add("h1:d1")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made) as ingest, publishing(broker.url("publisher")) as client:
        await ingest.session()
        for n, (guess, clean) in enumerate((g, c) for g in ("ingest", "ingest-events") for c in (True, False)):
            async with publishing(broker.device_url(login), identifier=guess, clean_session=clean):
                await say(client, "h1/d1", payload={"type": "door.opened", "id": f"e{n}"})
        await until(lambda: count(pool, "event", at_least=4))
