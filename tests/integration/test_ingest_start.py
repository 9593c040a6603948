"""A start that does not succeed says so, tries again, and loses nothing."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ingest.service import BROKEN
from store.pool import Connection, Pool, open_pool
from tests.ingest_parts import (
    RecordingEngine,
    count,
    publishing,
    register,
    rows,
    running_ingest,
    say,
    settings,
    until,
    value,
)
from tests.parts import RunningBroker, broker

__all__ = ["broker"]


class Unready(RecordingEngine):
    """Cannot rebuild its state as long as it is told so."""

    broken = True

    async def bootstrap(self, conn: Connection) -> None:
        if self.broken:
            raise ZeroDivisionError
        await super().bootstrap(conn)


async def test_an_engine_that_cannot_start_is_told_and_tried_again(
    broker: RunningBroker, database_url: str, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """A line in the log and in the table of parts, no end of the process; it comes up by itself once it can."""
    engine = Unready()
    async with running_ingest(settings(broker.url("ingest"), database_url), engine) as ingest:
        said = "the state cannot be rebuilt: nobody is watching"
        await until(lambda: [record for record in caplog.records if record.message == said])
        await until(lambda: _told(pool, BROKEN))
        assert not ingest.task.done()
        engine.broken = False
        await ingest.session()
        await until(lambda: count(pool, "part WHERE name = 'ingest' AND ok"))


async def _told(pool: Pool, reason: str) -> bool:
    told = await rows(pool, "SELECT ok, detail FROM part WHERE name = 'ingest'")
    return bool(told) and not told[0]["ok"] and told[0]["detail"].get("reason") == reason


async def test_a_database_that_refuses_is_told_with_its_remedy(
    broker: RunningBroker, server_url: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Made read-only under ingest: retried, with what helps in the log; nothing is lost when it is over."""
    async with open_pool(database_url, name="test") as pool:
        await register(pool, "h1/d1")
        async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
            await ingest.caught_up()
            await _read_only(server_url, database_url, on=True)
            async with publishing(broker.url("publisher")) as client:
                await say(client, "h1/d1", payload={"type": "door.opened", "id": "e1"})
            await until(lambda: "read-only" in (ingest.service._link.trouble or ""))
            assert any("read-only" in getattr(record, "remedy", "") for record in caplog.records)
            await _read_only(server_url, database_url, on=False)
            await until(lambda: ingest.service._link.ok)
        async with open_pool(database_url, name="test-after") as after:
            await until(lambda: count(after, "event"))


async def _read_only(server_url: str, database_url: str, *, on: bool) -> None:
    name = str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"])
    async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as admin:
        setting = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        await admin.execute(setting.format(sql.Identifier(name), sql.Literal("on" if on else "off")))
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


async def test_a_clean_stop_keeps_the_state(
    broker: RunningBroker, database_url: str, pool: Pool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next start reads from the checkpoint on, here nothing but what the start itself put into the log."""
    from alerts.live import LiveEngine

    caplog.set_level("INFO")
    await register(pool, *(f"h1/d{n}" for n in range(20)))
    made, path = settings(broker.url("ingest"), database_url), tmp_path / "engine.checkpoint"
    async with running_ingest(made, LiveEngine(path)) as ingest, publishing(broker.url("publisher")) as client:
        await ingest.session()
        await asyncio.gather(*(say(client, f"h1/d{n}", payload={"type": "door.opened", "id": "e"}) for n in range(20)))
        await until(lambda: count(pool, "event", at_least=20))
    position = await value(pool, "SELECT position FROM head")
    async with running_ingest(made, LiveEngine(path)) as ingest:
        await ingest.session()
    (first, second) = [record for record in caplog.records if record.message == "the state is rebuilt"]
    assert vars(first)["checkpoint"] == 0
    assert (vars(second)["checkpoint"], vars(second)["events"], vars(second)["entries"]) == (position, 0, 0)
