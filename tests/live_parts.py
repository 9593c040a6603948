"""A home in a real database, watched by the engine in service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.live import LiveEngine
from alerts.read import AlertFilters, list_alerts
from alerts.schedule import micros, moment
from devices.registry import import_registry
from devices.scope import Scope
from devices.types import EVENT_TYPES
from store.head import InputEntry, append_input, lock_head, read_input, save_head
from store.pool import Connection, Pool
from tests.engine_parts import columns
from tests.homes import ONE_HOME

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STORE = """
INSERT INTO event (position, received_at, at, effective_at, device, type, value, seq, boot, flags, detail)
VALUES (%s, %s, '-infinity', %s, %s, %s, 'NaN', -1, 0, 0, '{}')
"""


class Home:
    """What ingest does around the engine, in the order of the design's way of a message."""

    def __init__(self, conn: Connection, engine: LiveEngine, devices: dict[str, int]) -> None:
        self.conn, self.engine, self.devices = conn, engine, devices

    async def run(self, *events: tuple[str, str, datetime], watermark: datetime | None = None) -> bool:
        """One committed batch."""
        async with self.conn.transaction():
            changed = await self.run_open(events, watermark)
        self.engine.adopt()
        return changed

    async def run_open(self, events: tuple[tuple[str, str, datetime], ...], watermark: datetime | None) -> bool:
        head = await lock_head(self.conn)
        control = await read_input(self.conn, self.engine.position)
        batch = self._place(events, head.position)
        head.position += len(events)
        if watermark is not None:
            await append_input(self.conn, head, [InputEntry(kind="watermark", at=watermark, body={})])
        outcome = await self.engine.run(
            self.conn,
            head,
            control=control,
            events=batch,
            watermark=None if watermark is None else micros(watermark),
            received_at=micros(NOW),
        )
        await self._store(batch)
        await save_head(self.conn, head)
        return outcome.changed

    def _place(self, events: tuple[tuple[str, str, datetime], ...], position: int) -> NDArray[np.void]:
        return columns(
            {
                "position": position + n, "received_at": micros(when), "effective_at": micros(when),
                "device": self.devices[device], "type": EVENT_TYPES[what],
            }
            for n, (device, what, when) in enumerate(events, 1)
        )  # fmt: skip

    async def _store(self, batch: NDArray[np.void]) -> None:
        for row in batch:
            received, effective = moment(int(row["received_at"])), moment(int(row["effective_at"]))
            await self.conn.execute(
                STORE, [int(row["position"]), received, effective, int(row["device"]), int(row["type"])]
            )

    async def alerts(self, **filters: Any) -> list[dict[str, Any]]:
        """Every alert, in the order of the queue."""
        page = await list_alerts(self.conn, Scope.DISTRICT, AlertFilters(**filters), cursor=None, limit=100, now=NOW)
        assert page.next is None
        return page.items


@asynccontextmanager
async def open_home(pool: Pool, registry: str = ONE_HOME) -> AsyncIterator[Home]:
    """A home under watch."""
    async with pool.connection() as conn:
        await import_registry(conn, registry, file="registry.toml", by="test", now=NOW)
        rows = await (await conn.execute("SELECT code, id FROM device")).fetchall()
        engine = LiveEngine()
        await engine.bootstrap(conn)
        yield Home(conn, engine, {row["code"]: row["id"] for row in rows})
