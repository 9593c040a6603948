"""The head row orders, fences and remembers."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from store.errors import LockTimeout
from store.head import Fenced, InputEntry, append_input, lock_head, raise_epoch, read_input, save_head
from store.pool import Pool

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(n: int) -> InputEntry:
    return InputEntry(kind="watermark", at=NOW, body={"n": n})


async def append(pool: Pool, n: int, *, rollback: bool = False) -> int:
    async with pool.connection() as conn, conn.transaction(force_rollback=rollback):
        head = await lock_head(conn)
        placed = await append_input(conn, head, [entry(n), entry(n)])
        await save_head(conn, head)
    return placed[0].position


async def test_positions_are_dense_under_concurrent_writers(pool: Pool) -> None:
    """Forty writers at once get positions without a gap or a double, in pairs."""
    firsts = await asyncio.gather(*(append(pool, n) for n in range(40)))
    assert sorted(firsts) == list(range(1, 81, 2))
    async with pool.connection() as conn:
        assert [e.position for e in await read_input(conn, 0)] == list(range(1, 81))


async def test_a_rolled_back_writer_leaves_no_gap(pool: Pool) -> None:
    """Positions of a transaction that failed are given out again."""
    assert await append(pool, 0, rollback=True) == 1
    assert await append(pool, 1) == 1


async def test_a_raised_epoch_fences_the_former_holder(pool: Pool) -> None:
    """Who held the partition before finds no row that is its own."""
    async with pool.connection() as conn:
        former = await raise_epoch(conn)
        await raise_epoch(conn)
        with pytest.raises(Fenced):
            async with conn.transaction():
                await lock_head(conn, epoch=former)


async def test_who_waits_too_long_is_told_so(pool: Pool) -> None:
    """A person's action does not hang behind a long batch."""
    async with pool.connection() as holder, holder.transaction():
        await lock_head(holder)
        async with pool.connection() as other:
            with pytest.raises(LockTimeout):
                async with other.transaction():
                    await lock_head(other, wait=0.05)
    async with pool.connection() as conn, conn.transaction():
        assert (await lock_head(conn, wait=0.05)).position == 0


async def test_the_last_batch_is_remembered(pool: Pool) -> None:
    """After a lost COMMIT the holder can look for its batch."""
    batch = uuid4()
    async with pool.connection() as conn:
        async with conn.transaction():
            head = await lock_head(conn)
            head.batch, head.alive_at = batch, NOW
            await save_head(conn, head)
        async with conn.transaction():
            again = await lock_head(conn)
    assert (again.batch, again.alive_at) == (batch, NOW)


async def test_the_logs_are_append_only(pool: Pool) -> None:
    """No statement changes or removes an entry of the input log."""
    import psycopg

    await append(pool, 1)
    async with pool.connection() as conn:
        for statement in ("UPDATE input_log SET kind = 'stall'", "DELETE FROM input_log"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                await conn.execute(statement.encode())


def test_an_entry_refuses_a_naive_time() -> None:
    """A time without an offset is no time."""
    with pytest.raises(ValueError, match="offset"):
        InputEntry(kind="watermark", at=NOW.replace(tzinfo=None), body={})
