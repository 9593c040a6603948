"""The engine in service: its findings in the database, beside the log that they follow from."""

from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest

from alerts.journal import verify_chain
from alerts.live import LiveEngine
from alerts.read import feed_rows, get_alert
from alerts.replay import read_events
from alerts.schedule import micros
from devices.columns import NO_TIME
from devices.scope import Scope
from store.head import read_input
from store.pool import Pool
from tests.live_parts import NOW, Home, open_home


@pytest.fixture
async def service(pool: Pool) -> AsyncIterator[Home]:
    """A home under watch."""
    async with open_home(pool) as home:
        yield home


async def test_a_press_is_an_alert_as_the_contract_writes_it(service: Home) -> None:
    """The document has exactly the fields of the contract, with the site's offset in its times."""
    assert await service.run(("sos-1", "sos.pressed", NOW))
    (alert,) = await service.alerts()
    assert list(alert) == [
        "id", "rule", "rule_version", "name", "advice", "severity", "severity_since", "respond_by",
        "condition", "handling", "site", "subject",
        "resident", "raised_at", "received_at", "cleared_at", "claimed_by", "claimed_at", "proposed_by", "closed_at",
        "outcome",
        "occurrences", "last_occurrence_at", "inhibits", "escalation", "flags", "evidence",
    ]  # fmt: skip
    assert (alert["rule"], alert["severity"], alert["handling"]) == ("S-01", "P1", "new")
    assert alert["subject"] == {"kind": "resident", "code": "r1"}
    assert alert["raised_at"] == "2026-11-23T12:00:00+08:00"
    assert alert["name"]["zh"] == "一键呼叫"


async def test_further_presses_are_occurrences(service: Home) -> None:
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


async def test_a_dropped_batch_leaves_no_trace(service: Home) -> None:
    """After a rollback and drop the same batch gives the same alert."""
    async with service.conn.transaction(force_rollback=True):
        await service.run_open((("sos-1", "sos.pressed", NOW),), None)
    service.engine.drop()
    assert await service.alerts() == []
    await service.run(("sos-1", "sos.pressed", NOW))
    assert [a["id"] for a in await service.alerts()] == [1]


async def test_a_restart_keeps_deadlines_and_alerts(service: Home) -> None:
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


async def test_a_rule_version_is_written_once(service: Home) -> None:
    """A second bootstrap of the same catalogue adds nothing to the log."""
    before = await read_input(service.conn, 0)
    await LiveEngine().bootstrap(service.conn)
    assert await read_input(service.conn, 0) == before


async def test_the_feed_tells_each_change_as_it_was(service: Home) -> None:
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


async def test_an_engine_that_counts_otherwise_goes_on_from_the_database(service: Home) -> None:
    """Where the log gives other alerts than the database holds, those of the database are taken over."""
    await service.run(("sos-1", "sos.pressed", NOW))
    await service.conn.execute("UPDATE event SET type = 1000")  # as if this engine did not know the press
    service.engine = LiveEngine()
    await service.engine.bootstrap(service.conn)
    await service.run(("sos-1", "sos.pressed", NOW + timedelta(seconds=1)))
    assert [(a["id"], a["occurrences"]) for a in await service.alerts()] == [(1, 2)]


async def test_stored_events_come_back_as_the_columns_they_were(service: Home) -> None:
    """What the engine was fed is what a replay feeds it, also the times that were not given."""
    moments = [NOW + timedelta(microseconds=n) for n in range(5)]
    await service.run(*[("mag-1", "door.opened", when) for when in moments])
    first = service.engine.position - 4
    events = await read_events(service.conn, first - 1, first + 3)
    assert [int(m) for m in events["effective_at"]] == [micros(when) for when in moments[:4]]
    assert list(events["position"]) == [first, first + 1, first + 2, first + 3]
    assert set(events["at"]) == {NO_TIME}
    assert np.isnan(events["value"]).all()
    assert len(await read_events(service.conn, first + 4, first + 9)) == 0
