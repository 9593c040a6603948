"""What is examined: settings, the data directory, what runs on it, and a connection that cannot write."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from psycopg.conninfo import conninfo_to_dict

from runtime.layout import DataDir
from runtime.running import Running
from runtime.settings import Settings
from store.errors import StoreError, WrongVersion, translated
from store.migrations import pending
from store.pool import Connection, connect
from store.queries import load

SQL = load("runtime")

Need = Literal["data", "database", "schema"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The clocks at one moment, in seconds; `slack` is how far off the database's may have been read."""

    wall: float
    monotonic: float
    database: float | None = None
    slack: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """`away` says why there is no connection, `outdated` why the schema is not ours; `began` are the clocks at first.

    `data` is None where a database alone was named.
    """

    settings: Settings
    data: DataDir | None
    running: Running | None
    conn: Connection | None
    began: Reading
    config: Path | None = None
    away: str | None = None
    outdated: str | None = None
    missing: tuple[str, ...] = ()
    too_old: str | None = None

    def lacks(self, need: Need | None) -> str | None:
        """Why a check cannot be made; None where it can."""
        if need == "data" and self.data is None:
            return "no data directory was named"
        if need in ("database", "schema") and self.conn is None:
            return "the database does not answer"
        if need == "schema" and (self.outdated or self.missing):
            return "the database has another schema"
        return None

    @property
    def mqtt_url(self) -> str | None:
        """Where ingest finds its broker, as far as that is known here."""
        if self.settings.mqtt_url is not None:
            return self.settings.mqtt_url.get_secret_value()
        return self.running.ingest_url if self.running else None

    @property
    def broker_managed(self) -> bool:
        return self.running is not None and self.running.broker_managed

    @property
    def database_managed(self) -> bool:
        """Whether the database is the one in the data directory: its socket says so."""
        if self.running is None or self.data is None:
            return False
        host = str(conninfo_to_dict(self.running.database_url).get("host") or "")
        note = self.data.run / "socket-dir"
        return host == str(self.data.run / "database") or (note.exists() and host == note.read_text("utf-8"))


@asynccontextmanager
async def examined(
    settings: Settings, *, data: DataDir | None, running: Running | None, config: Path | None = None
) -> AsyncIterator[Patient]:
    """Open what can be opened; what cannot is part of the picture."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    url = url or (running.database_url if running else None)
    too_old = None
    try:
        conn, away = (await _read_only(url), None) if url else (None, "nothing runs there")
    except WrongVersion as error:
        conn, away, too_old = None, str(error), str(error)
    except StoreError as error:
        conn, away = None, str(error)
    try:
        missing, outdated = await _schema(conn) if conn else ((), None)
        yield Patient(
            settings=settings,
            data=data,
            running=running,
            conn=conn,
            began=await read_clocks(conn),
            config=config,
            away=away,
            outdated=outdated,
            missing=missing,
            too_old=too_old,
        )
    finally:
        if conn is not None:
            await conn.close()


async def _read_only(url: str) -> Connection:
    """A connection on which the server itself refuses every change."""
    conn = await connect(url, name="doctor")
    with translated():
        await conn.execute(SQL["doctor_read_only"])
    return conn


async def _schema(conn: Connection) -> tuple[tuple[str, ...], str | None]:
    try:
        return tuple(await pending(conn)), None
    except WrongVersion as error:
        return (), str(error)


async def read_clocks(conn: Connection | None, *, tries: int = 3) -> Reading:
    """Read the clocks together; of several tries at the database's the one that took least time."""
    best = Reading(wall=time.time(), monotonic=time.monotonic())
    if conn is None:
        return best
    slack = float("inf")
    for _ in range(tries):
        asked, wall = time.monotonic(), time.time()
        with translated():
            row = await (await conn.execute(SQL["doctor_clock"])).fetchone()
        half = (time.monotonic() - asked) / 2
        if row is not None and half < slack:
            slack = half
            moment: datetime = row["now"]
            best = Reading(wall=wall + half, monotonic=asked + half, database=moment.timestamp(), slack=half)
    return best
