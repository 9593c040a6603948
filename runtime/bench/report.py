"""What was measured, line by line, and the one object that programs read."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from runtime.doctor.versions import installed
from runtime.programs import NATS, POSTGRES

LIBRARIES = ("shouwang", "numpy", "paho-mqtt", "psycopg", "msgspec", "fastapi", "uvicorn")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the table: the figure (as it is shown), what it is of, on which parts, what else must be known."""

    name: str
    figure: str
    measured: str
    parts: str
    note: str = ""


@dataclass(kw_only=True)
class Report:
    """Grows while measuring. What was not measured stays None; `wrong` names results that are errors."""

    ingest_per_s: float | None = None
    press_to_feed_ms: dict[str, Any] | None = None
    tick_ms: dict[str, float] | None = None
    backtest_events_per_s: dict[str, float] | None = None
    bytes_per_device: float | None = None
    start_s: float | None = None
    lines: list[Line] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def document(self, parts: dict[str, Any]) -> dict[str, Any]:
        """The object of `--json`; `parts` says on what, and holds the lines of the table."""
        return {
            "ingest_per_s": self.ingest_per_s,
            "press_to_feed_ms": self.press_to_feed_ms,
            "tick_ms": self.tick_ms,
            "backtest_events_per_s": self.backtest_events_per_s,
            "bytes_per_device": self.bytes_per_device,
            "start_s": self.start_s,
            "parts": parts | {"lines": [asdict(line) for line in self.lines], "wrong": self.wrong},
        }


def parts_of(sync_interval: str, loads: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    """Versions, cores and the load averages (1, 5, 15 minutes) before and after measuring."""
    versions = {name: installed(name) for name in LIBRARIES}
    versions |= {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    versions |= {"postgresql": installed(POSTGRES.name), "broker": f"nats-server {installed(NATS.name)}"}
    return {
        "versions": versions,
        "sync_interval": sync_interval,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": {when: list(load) for when, load in zip(("before", "after"), loads, strict=False)},
    }


def table(report: Report, parts: dict[str, Any]) -> Table:
    """The lines as people read them."""
    before = parts["load_average"].get("before", ["?"])[0]
    title = f"{parts['cores']} cores, load average {before} before; {parts['versions']['platform']}"
    shown = Table(title=title, show_lines=True)
    for column in ("what", "figure", "measured", "on which parts", "note"):
        shown.add_column(column, justify="right" if column == "figure" else "left", overflow="fold")
    for line in report.lines:
        shown.add_row(line.name, line.figure, line.measured, line.parts, line.note)
    return shown


def number(value: float) -> str:
    """A figure as people read it: 12,345 or 12.3."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 -- where decimals stop to matter
