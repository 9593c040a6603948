"""The page of metrics: what every process counted, and what the database says at this moment."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import product

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from alerts.documents import severity_word
from api.parts import Part
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("api")

SEVERITIES = (1, 2, 3, 4)
OPEN_HANDLINGS = ("inhibited", "new", "claimed", "confirming")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAlerts:
    """Open alerts by severity and handling, and the seconds that the oldest one waits for somebody to claim it."""

    counts: dict[tuple[int, str], int]
    waiting: dict[int, float]


async def read_open_alerts(conn: Connection) -> OpenAlerts:
    with translated():
        rows = await (await conn.execute(SQL["open_alerts"])).fetchall()
    return OpenAlerts(
        counts={(row["severity"], row["handling"]): row["alerts"] for row in rows},
        waiting={row["severity"]: max(row["waiting"], 0.0) for row in rows if row["handling"] == "new"},
    )


def page(parts: Iterable[Part], alerts: OpenAlerts | None) -> tuple[bytes, str]:
    """Return the page and its media type. `alerts` is None while the database cannot be asked."""
    together = CollectorRegistry()
    together.register(_Told(list(_told(parts, alerts))))
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return generate_latest(together), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY) + generate_latest(together), CONTENT_TYPE_LATEST


class _Told(Collector):
    """Gives metrics that were read before."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _told(parts: Iterable[Part], alerts: OpenAlerts | None) -> Iterator[Metric]:
    build = GaugeMetricFamily("shouwang_build_info", "Always 1; the label tells the version.", labels=["version"])
    build.add_metric([_version()], 1)
    yield build
    up = GaugeMetricFamily("shouwang_part_up", "Whether a part says that it works.", labels=["part"])
    for part in parts:
        up.add_metric([part.name], part.ok)
    yield up
    # What cannot be asked is left out: unknown is not none.
    if alerts is not None:
        yield from _open(alerts)


def _open(alerts: OpenAlerts) -> Iterator[Metric]:
    open_ = GaugeMetricFamily("shouwang_alerts_open", "Alerts that are not closed.", labels=["severity", "handling"])
    for severity, handling in product(SEVERITIES, OPEN_HANDLINGS):
        open_.add_metric([severity_word(severity), handling], alerts.counts.get((severity, handling), 0))
    yield open_
    waiting = GaugeMetricFamily(
        "shouwang_alert_oldest_unclaimed_seconds", "How long the oldest alert waits to be claimed.", labels=["severity"]
    )
    for severity in SEVERITIES:
        waiting.add_metric([severity_word(severity)], alerts.waiting.get(severity, 0.0))
    yield waiting


def _version() -> str:
    try:
        return version("shouwang")
    except PackageNotFoundError:
        return "unknown"
