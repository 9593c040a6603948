"""A scenario's recorded form, fed to ingest's own decoding and writing and to the engine in service.

The clock is the recording's, so that days pass in seconds. Left out are the broker, the sessions and the network.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts.live import LiveEngine
from alerts.read import AlertFilters, list_alerts
from alerts.versions import put_overrides
from devices.registry import import_registry
from devices.scope import Scope
from ingest.delivery import Delivery
from ingest.holding import Holding, take_over
from ingest.stretch import Stretch, micros_of
from simulators.record import lines_of
from simulators.recording import Line
from simulators.scenario import Scenario
from store.pool import Connection
from tests.ingest_parts import unproved


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What came of a recording: every alert, as the API tells them, and how many messages went to quarantine."""

    alerts: Sequence[dict[str, Any]]
    events: int
    quarantined: int


async def watched(conn: Connection, scenario: Scenario, *, seed: int = 1, step: timedelta) -> Watched:
    """Register the scenario's world, let all of it be said, and look at the alerts; the clock goes by `step`."""
    await import_registry(conn, scenario.world.registry(), file="scenario", by="test", now=scenario.begins)
    engine = LiveEngine()
    await take_over(conn, engine, prove=unproved)
    for rule, overrides in scenario.overrides.items():
        await put_overrides(conn, rule, list(overrides), by="test", now=scenario.begins)
    holding = await take_over(conn, engine, prove=unproved)
    stored = quarantined = 0
    for now, lines in _steps(lines_of(scenario, seed=seed), scenario, step):
        written = await _take_in(conn, holding, lines, micros_of(now))
        stored += written[0]
        quarantined += written[1]
    end = scenario.begins + (scenario.lasts or timedelta())
    return Watched(alerts=await _alerts(conn, end), events=stored, quarantined=quarantined)


def _steps(lines: Iterator[Line], scenario: Scenario, step: timedelta) -> Iterator[tuple[datetime, list[Line]]]:
    """The lines of each step, with the moment at which it ends; empty ones too, since time passes."""
    now, held = scenario.begins + step, list[Line]()
    for line in lines:
        while line.at > now:
            yield now, held
            now, held = now + step, []
        held.append(line)
    yield now, held


async def _take_in(conn: Connection, holding: Holding, lines: Sequence[Line], now: int) -> tuple[int, int]:
    """One transaction, as the service does it; how many events were stored, and how many messages refused."""
    deliveries = [Delivery(micros_of(line.at), line.topic, line.payload) for line in lines]
    decoded = holding.decoder.decode(deliveries, live=True)
    holding.liveness.touch(decoded.alive)
    holding.liveness.beat(decoded.beats)
    stretch = Stretch(deliveries=deliveries, decoded=decoded, now=now, caught_up=True, scan=True)
    written = await holding.writer.write(conn, stretch)
    holding.decoder.numbers.update(written.numbers)
    holding.lag_watch.adopt(written.lagging)
    holding.liveness.adopt(written.changes, decoded.statuses)
    return written.stored, len(written.refusals)


async def _alerts(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await list_alerts(conn, Scope.DISTRICT, AlertFilters(), cursor=cursor, limit=500, now=now)
        found += page.items
        if (cursor := page.next) is None:
            return found
