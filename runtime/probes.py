"""How the watch asks each part whether it is well; none of these raises for a part that is not."""

import asyncio
import urllib.request
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from ingest.address import BrokerAddress
from runtime.pulse import Pulse
from runtime.stalls import Stalls
from store.errors import StoreError, translated
from store.pool import Connection, connect, within
from store.queries import load

SQL = load("runtime")

EVERY = 2.0  # seconds
ANSWER = 5.0
# Ingest reports every two seconds; what it does not do by then, its engine does not either.
LATE = 6.0


async def probe_broker(stalls: Stalls, address: BrokerAddress, url: str) -> None:
    """Ask the broker for ever whether it answers."""
    tls = address.tls_context() if address.tls else None
    with closing(Pulse(url, tls=tls, patience=ANSWER)) as pulse:
        while True:
            _note(stalls, "broker", well=await pulse.beats())
            await asyncio.sleep(EVERY)


async def probe_apis(stalls: Stalls, urls: tuple[str, ...]) -> None:
    """Ask for ever whether each API is alive; one that is not makes its desks blind."""
    while True:
        answers = await asyncio.gather(*(asyncio.to_thread(_alive, url) for url in urls))
        _note(stalls, "api", well=all(answers))
        await asyncio.sleep(EVERY)


def _alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=ANSWER):  # noqa: S310 -- settings allow http and https alone
            return True
    except (OSError, ValueError):
        return False


class DatabaseProbe:
    """Asks the database, and what it knows of ingest and engine; leaves there what the watch says of itself."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    async def look(self, stalls: Stalls, *, ok: bool, detail: dict[str, Any]) -> None:
        """One look, and one word."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = await connect(self._url, name="watch")
            with within(self._connection, ANSWER):
                row = await self._exchange(self._connection, ok=ok, detail=detail)
        except StoreError:
            stalls.failing("database")
            await self.close()
            return
        now = datetime.now(UTC)
        stalls.well("database", now)
        self._note_ages(stalls, now, row)

    async def _exchange(self, conn: Connection, *, ok: bool, detail: dict[str, Any]) -> dict[str, Any]:
        with translated():
            await conn.execute(SQL["put_part"], {"name": "watch", "ok": ok, "detail": Jsonb(detail)})
            row = await (await conn.execute(SQL["ages"])).fetchone()
        return row or {}

    def _note_ages(self, stalls: Stalls, now: datetime, row: dict[str, Any]) -> None:
        # Ages by the database's clock: another machine's may differ from ours.
        reported, watched = row.get("reported"), row.get("watched")
        if watched is not None:
            stalls.well("engine", now - timedelta(seconds=max(0.0, watched)))
        if reported is not None:
            stalls.well("ingest", now - timedelta(seconds=max(0.0, reported)))
        if reported is None or reported > LATE:
            stalls.failing("ingest")

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _note(stalls: Stalls, part: Literal["broker", "api"], *, well: bool) -> None:
    if well:
        stalls.well(part, datetime.now(UTC))
    else:
        stalls.failing(part)
