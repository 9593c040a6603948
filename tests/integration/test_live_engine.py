"""The engine in service: its findings in the database, beside the log that they follow from."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.journal import verify_chain
from alerts.live import LiveEngine
from alerts.read import AlertFilters, feed_rows, get_alert, list_alerts
from alerts.schedule import micros, moment
from devices.registry import import_registry
from devices.scope import Scope
from devices.types import EVENT_TYPES
from store.head import InputEntry, append_input, lock_head, read_input, save_head
from store.pool import Connection, Pool
from tests.engine_parts import columns

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
REGISTRY = """
[[site]]
code = "h1"
kind = "home"
name = "h1"
street = "street-1"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "entrance"
[[resident]]
code = "r1"
site = "h1"
name = "r1"
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "r1"
power = "battery"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
power = "battery"
"""
STORE = """
INSERT INTO event (position, received_at, at, effective_at, device, type, value, seq, boot, flags, detail)
VALUES (%s, %s, '-infinity', %s, %s, %s, 'NaN', -1, 0, 0, '{}')
"""


class Service:
    """What ingest does around the engine, in the order of the design's way of a message."""

    def __init__(self, conn: Connection, engine: LiveEngine, devices: dict[str, int]) -> None:
        self.conn, self.engine, self.devices = conn, engine, devices

    async def run(self, *events: tuple[str, str, datetime], watermark: datetime | None = None) -> bool:
        """One committed batch."""
        async with self.conn.transaction():
            changed = await self._run(events, watermark)
        self.engine.adopt()
        return changed

    async def _run(self, events: tuple[tuple[str, str, datetime], ...], watermark: datetime | None) -> bool:
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


@pytest.fixture
async def service(pool: Pool) -> AsyncIterator[Service]:
    """A home under watch."""
    async with pool.connection() as conn:
        await import_registry(conn, REGISTRY, file="registry.toml", by="test", now=NOW)
        rows = await (await conn.execute("SELECT code, id FROM device")).fetchall()
        engine = LiveEngine()
        await engine.bootstrap(conn)
        yield Service(conn, engine, {row["code"]: row["id"] for row in rows})


async def test_a_press_is_an_alert_as_the_contract_writes_it(service: Service) -> None:
    """The document has exactly the fields of the contract, with the site's offset in its times."""
    assert await service.run(("sos-1", "sos.pressed", NOW))
    (alert,) = await service.alerts()
    assert list(alert) == [
        "id", "rule", "rule_version", "name", "advice", "severity", "condition", "handling", "site", "subject",
        "resident", "raised_at", "received_at", "cleared_at", "claimed_by", "claimed_at", "closed_at", "outcome",
        "occurrences", "last_occurrence_at", "inhibits", "escalation", "flags", "evidence",
    ]  # fmt: skip
    assert (alert["rule"], alert["severity"], alert["handling"]) == ("S-01", "P1", "new")
    assert alert["subject"] == {"kind": "resident", "code": "r1"}
    assert alert["raised_at"] == "2026-11-23T12:00:00+08:00"
    assert alert["name"]["zh"] == "一键呼叫"


async def test_further_presses_are_occurrences(service: Service) -> None:
    """Two thousand presses of one batch are one alert, each press counted, logged and kept."""
    await service.run(("sos-1", "sos.pressed", NOW))
    await service.run(*[("sos-1", "sos.pressed", NOW + timedelta(milliseconds=n)) for n in range(1, 2000)])
    (alert,) = await service.alerts()
    assert alert["occurrences"] == 2000
    detail = await get_alert(service.conn, Scope.DISTRICT, alert["id"])
    assert detail is not None
    assert len(detail["log"]) == 2000
    assert len(detail["evidence"]) == len(detail["events"]) == 10
    assert await verify_chain(service.conn) == []


async def test_a_dropped_batch_leaves_no_trace(service: Service) -> None:
    """After a rollback and drop the same batch gives the same alert."""
    async with service.conn.transaction(force_rollback=True):
        await service._run((("sos-1", "sos.pressed", NOW),), None)
    service.engine.drop()
    assert await service.alerts() == []
    await service.run(("sos-1", "sos.pressed", NOW))
    assert [a["id"] for a in await service.alerts()] == [1]


async def test_a_restart_keeps_deadlines_and_alerts(service: Service) -> None:
    """A door left open before a restart raises after it, with its true due time, and closes itself when shut."""
    await service.run(("mag-1", "door.opened", NOW))
    service.engine = LiveEngine()
    await service.engine.bootstrap(service.conn)
    assert not service.engine.due(micros(NOW + timedelta(minutes=9)))
    assert service.engine.due(micros(NOW + timedelta(minutes=10)))
    await service.run(watermark=NOW + timedelta(hours=1))
    (alert,) = await service.alerts()
    assert (alert["rule"], alert["raised_at"]) == ("D-03", "2026-11-23T12:10:00+08:00")
    service.engine = LiveEngine()
    await service.engine.bootstrap(service.conn)
    await service.run(("mag-1", "door.closed", NOW + timedelta(hours=2)))
    (alert,) = await service.alerts()
    assert (alert["condition"], alert["handling"]) == ("cleared", "closed")
    assert alert["cleared_at"] == "2026-11-23T14:00:00+08:00"


async def test_a_rule_version_is_written_once(service: Service) -> None:
    """A second bootstrap of the same catalogue adds nothing to the log."""
    before = await read_input(service.conn, 0)
    await LiveEngine().bootstrap(service.conn)
    assert await read_input(service.conn, 0) == before


async def test_the_feed_tells_each_change_as_it_was(service: Service) -> None:
    """A row of the feed shows the alert as of that change, not as it is now."""
    await service.run(("mag-1", "door.opened", NOW))
    await service.run(watermark=NOW + timedelta(minutes=10))
    await service.run(("mag-1", "door.closed", NOW + timedelta(hours=1)))
    rows = await feed_rows(service.conn, 0, 100, Scope.DISTRICT)
    assert [(r.log_id, r.change, r.alert["condition"], r.alert["handling"]) for r in rows] == [
        (1, "raised", "active", "new"),
        (2, "cleared", "cleared", "new"),
        (3, "closed", "cleared", "closed"),
    ]
    assert rows[0].alert["cleared_at"] is None
    assert await feed_rows(service.conn, 3, 100, Scope.DISTRICT) == []
