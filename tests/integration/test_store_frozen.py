"""A holder that stands still inside its transaction, and a database that goes away: nobody hangs for ever."""

import asyncio
from datetime import UTC, datetime

import pytest

from alerts.live import LiveEngine
from alerts.versions import ensure_versions, put_overrides
from ingest.holding import take_over
from store.errors import LockTimeout, StoreUnavailable
from store.head import lock_head, raise_epoch
from store.pool import Connection, Pool, connect
from tests.ingest_parts import unproved

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def test_a_frozen_holder_is_ended_by_the_server(database_url: str) -> None:
    """It holds the head row and does nothing: the next one takes over in time, and it is told when it wakes up."""
    async with (
        await connect(database_url, name="frozen", idle=0.5) as frozen,
        await connect(database_url, name="next") as following,
    ):
        await frozen.execute("BEGIN")
        await lock_head(frozen)
        async with asyncio.timeout(8):
            holding = await take_over(following, LiveEngine(), prove=unproved)
        assert holding.epoch == 1
        with pytest.raises(StoreUnavailable):
            await lock_head(frozen)


async def test_who_raises_the_epoch_does_not_hang(pool: Pool) -> None:
    """Behind a row that is held it gives up in time, to be tried again."""
    async with pool.connection() as holder, holder.transaction():
        await lock_head(holder)
        async with pool.connection() as other:
            with pytest.raises(LockTimeout):
                await raise_epoch(other, wait=0.05)


async def _closed(url: str) -> Connection:
    conn = await connect(url, name="gone")
    await conn.close()
    return conn


async def test_lost_connections_have_the_stores_name(database_url: str) -> None:
    """What a start or a person meets with the database away is `StoreUnavailable`, not an error of the driver's."""
    conn = await _closed(database_url)
    with pytest.raises(StoreUnavailable):
        await ensure_versions(conn)
    with pytest.raises(StoreUnavailable):
        await put_overrides(conn, "S-01", [], by="test", now=NOW)
    with pytest.raises(StoreUnavailable):
        await take_over(conn, LiveEngine(), prove=unproved)
