"""Migrations, partitions, notices and errors on a real server."""

import asyncio
import secrets
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from store import migrations
from store.errors import Conflict, DataRefused, StoreUnavailable, WrongVersion, translated
from store.migrations import Migration, migrate
from store.notify import Notice, listen, notify
from store.partitions import ensure_partitions
from store.pool import Pool, connect

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def empty_url(server_url: str) -> str:
    """A database without our schema."""
    name = f"empty_{secrets.token_hex(8)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return psycopg.conninfo.make_conninfo(server_url, dbname=name)


async def test_programs_that_start_together_migrate_once(empty_url: str) -> None:
    """Four at once apply every migration exactly once."""
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert sum(map(len, applied)) == len(migrations.known())
    assert await migrate(empty_url) == []


async def test_a_database_ahead_of_the_program_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old program does not touch a newer schema, nor one whose past differs."""
    first, *rest = migrations.known()
    monkeypatch.setattr(migrations, "known", list[Migration])
    with pytest.raises(WrongVersion, match="older"):
        await migrate(database_url)
    changed = Migration(version=first.version, name=first.name, text=first.text + "\n")
    monkeypatch.setattr(migrations, "known", lambda: [changed, *rest])
    with pytest.raises(WrongVersion, match="another content"):
        await migrate(database_url)


async def test_partitions_are_made_ahead_and_used(native_pool: Pool) -> None:
    """Today and three days ahead exist, a second call makes none, a row lands in its day."""
    async with native_pool.connection() as conn:
        made = await ensure_partitions(conn, NOW)
        assert made == ["event_20260302", "event_20260303", "event_20260304", "event_20260305"]
        assert await ensure_partitions(conn, NOW) == []
        await conn.execute(
            b"INSERT INTO event VALUES (1, %s, '-infinity', %s, 1, 1, 'NaN', -1, 0, 0, '{}')", [NOW, NOW]
        )
        row = await (await conn.execute(b"SELECT tableoid::regclass::text AS t FROM event")).fetchone()
    assert row == {"t": "event_20260302"}


async def test_a_day_with_rows_in_the_default_partition_is_left_alone(native_pool: Pool) -> None:
    """What came before its partition was made is neither lost nor in the way."""
    async with native_pool.connection() as conn:
        await conn.execute(
            b"INSERT INTO event VALUES (1, %s, '-infinity', %s, 1, 1, 'NaN', -1, 0, 0, '{}')", [NOW, NOW]
        )
        assert "event_20260302" not in await ensure_partitions(conn, NOW)
        row = await (await conn.execute(b"SELECT count(*) AS n FROM event")).fetchone()
    assert row == {"n": 1}


async def _collect(url: str, wanted: int, ready: asyncio.Event) -> list[Notice]:
    got: list[Notice] = []
    async with aclosing(listen(url, "alert_log")) as notices:
        async for notice in notices:
            got.append(notice)
            ready.set()
            if len(got) == wanted:
                break
    return got


async def test_a_notice_comes_with_the_commit_and_not_without(pool: Pool, database_url: str) -> None:
    """A rolled-back transaction tells nothing; the first notice says 'read again'."""
    ready = asyncio.Event()
    listener = asyncio.create_task(_collect(database_url, 2, ready))
    await asyncio.wait_for(ready.wait(), 10)
    async with pool.connection() as conn:
        async with conn.transaction(force_rollback=True):
            await notify(conn, "alert_log", "1")
        async with conn.transaction():
            await notify(conn, "alert_log", "2")
    assert await asyncio.wait_for(listener, 10) == [Notice(channel=""), Notice(channel="alert_log", payload="2")]


async def test_a_listener_whose_connection_dies_comes_back(pool: Pool, database_url: str) -> None:
    """A terminated backend costs a reconnect, told by another 'read again'."""
    ready = asyncio.Event()
    listener = asyncio.create_task(_collect(database_url, 2, ready))
    await asyncio.wait_for(ready.wait(), 10)
    async with pool.connection() as conn:
        await conn.execute(
            b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            b" WHERE application_name = 'shouwang-listen' AND datname = current_database()"
        )
    assert await asyncio.wait_for(listener, 10) == [Notice(channel=""), Notice(channel="")]


async def test_driver_errors_become_ours_and_quote_no_data(pool: Pool) -> None:
    """Each family of errors has its name; the text of a refused value is not in it."""
    async with pool.connection() as conn:
        with pytest.raises(DataRefused) as refused, translated():
            await conn.execute(b"SELECT 'Mrs Wang'::integer")
        assert "Wang" not in str(refused.value)
        assert refused.value.sqlstate == "22P02"
        with pytest.raises(Conflict), translated():
            await conn.execute(b"INSERT INTO head (partition) VALUES ('main')")


async def test_an_absent_server_is_unavailable(tmp_path: Path) -> None:
    """A connection that cannot be made is told as such."""
    with pytest.raises(StoreUnavailable):
        await connect(f"host={tmp_path} dbname=x", name="test")


async def test_the_session_runs_in_utc(pool: Pool) -> None:
    """Times come back aware, in UTC, whatever the server's own zone."""
    async with pool.connection() as conn:
        row = await (await conn.execute(b"SELECT now() AS now")).fetchone()
    assert row is not None
    assert row["now"].utcoffset() == timedelta(0)
