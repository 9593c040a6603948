"""The async pool. A pool is passed around, never global."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from store.errors import WrongVersion, translated

Connection = psycopg.AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

# The oldest server whose features are used (design, section 9: external PostgreSQL >= 15).
OLDEST_SERVER = 150000


# Who stands still inside a transaction (a stopped process, say) is ended by the server: he may hold the head row,
# for which everybody waits. Far longer than any transaction of ours is idle.
IDLE_SECONDS = 10.0


def _options(name: str, idle: float = IDLE_SECONDS) -> dict[str, object]:
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "application_name": f"shouwang-{name}",
        "connect_timeout": 5,
        "options": f"-c TimeZone=UTC -c idle_in_transaction_session_timeout={round(idle * 1000)}",
        # A peer that vanished without a word is noticed within seconds, not hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20000,
    }


async def connect(url: str, *, name: str, idle: float = IDLE_SECONDS) -> Connection:
    """One connection of its own, with autocommit, rows as dicts and UTC. Raises `StoreUnavailable`.

    `idle`: after so many seconds of doing nothing within a transaction the server ends it.
    """
    with translated():
        connection = await psycopg.AsyncConnection[DictRow].connect(url, **_options(name, idle))  # type: ignore[arg-type]  # one dict for pool and connect
    try:
        _check_version(connection)
    except WrongVersion:
        await connection.close()
        raise
    return connection


def _check_version(connection: Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise WrongVersion(f"PostgreSQL {version // 10000} is too old: 15 or newer is needed")


@asynccontextmanager
async def open_pool(url: str, *, name: str, min_size: int = 1, max_size: int = 4) -> AsyncIterator[Pool]:
    """A pool that reconnects by itself; it opens also while the database is away.

    Waiting for a connection ends after 5 s with psycopg's PoolTimeout, `StoreUnavailable` under `translated()`.
    """
    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=psycopg.AsyncConnection[DictRow],
        kwargs=_options(name),
        min_size=min_size,
        max_size=max_size,
        timeout=5,
        reconnect_timeout=10,
        check=AsyncConnectionPool.check_connection,
        open=False,
        name=name,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close()
