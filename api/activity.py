"""Events a minute over the last hour, counted on from where the last look ended."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("api")

MINUTES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """`per_minute` runs from the oldest of the last 60 minutes to the one that is running."""

    last_event_at: datetime | None
    per_minute: list[int]


class Activity:
    """One for a process: the first look reads an hour of events, later ones only what came since."""

    def __init__(self) -> None:
        self._counts: dict[datetime, int] = {}
        self._position = 0
        self._one_look = asyncio.Lock()

    async def look(self, conn: Connection, now: datetime) -> Trace:
        minute = now.replace(second=0, microsecond=0)
        first = minute - timedelta(minutes=MINUTES - 1)
        async with self._one_look:
            with translated():
                await self._count(conn, first)
                last = await (await conn.execute(SQL["last_event"])).fetchone()
        return Trace(
            last_event_at=last["received_at"] if last else None,
            per_minute=[self._counts.get(first + timedelta(minutes=n), 0) for n in range(MINUTES)],
        )

    async def _count(self, conn: Connection, first: datetime) -> None:
        rows = await (await conn.execute(SQL["events_by_minute"], {"after": self._position, "since": first})).fetchall()
        for row in rows:
            self._counts[row["minute"]] = self._counts.get(row["minute"], 0) + row["events"]
            self._position = max(self._position, row["last"])
        self._counts = {minute: n for minute, n in self._counts.items() if minute >= first}
