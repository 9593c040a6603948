"""The async pool. A pool is passed around, never global."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

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


# A pooled connection that does not answer an empty question within this is left aside and another one is tried.
CHECK_SECONDS = 2.0


class Patient(psycopg.AsyncConnection[DictRow]):
    """A connection that may be told how long to wait: a server that stands still neither answers nor hangs up.

    `patience` is in seconds for each answer; None waits for ever. Whoever waits longer gets `StoreUnavailable` under
    `translated()`, at once, and the connection is at its end. The driver's own cancelling would ask the same server.
    """

    patience: float | None = None

    async def wait(self, *args: Any, **options: Any) -> Any:
        if self.patience is None:
            return await super().wait(*args, **options)
        timer = asyncio.get_running_loop().call_later(self.patience, self._sever)
        try:
            return await super().wait(*args, **options)
        finally:
            timer.cancel()

    def _sever(self) -> None:
        # At the socket, so that whoever reads from it is woken by its end.
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as copy:
            copy.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(conn: Connection, seconds: float) -> Iterator[None]:
    """Wait no longer than this for each answer inside the block."""
    if not isinstance(conn, Patient):
        raise TypeError("only connections of this module can be told to be impatient")
    before, conn.patience = conn.patience, seconds
    try:
        yield
    finally:
        conn.patience = before


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
        connection = await Patient.connect(url, **_options(name, idle))  # type: ignore[arg-type]  # one dict for pool and connect
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


async def _check(conn: Connection) -> None:
    with within(conn, CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(conn)


@asynccontextmanager
async def open_pool(
    url: str, *, name: str, min_size: int = 1, max_size: int = 4, patience: float | None = None
) -> AsyncIterator[Pool]:
    """A pool that reconnects by itself; it opens also while the database is away.

    Waiting for a connection ends after 5 s with psycopg's PoolTimeout, `StoreUnavailable` under `translated()`.
    `patience`: of its connections, in seconds (see `Patient`).
    """

    async def configure(conn: Connection) -> None:
        if isinstance(conn, Patient):
            conn.patience = patience

    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=Patient,
        kwargs=_options(name),
        min_size=min_size,
        max_size=max_size,
        timeout=5,
        reconnect_timeout=10,
        configure=configure,
        check=_check,
        open=False,
        name=name,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close()
