"""Parts for tests of the engine: a small registry, its log entries, and events as columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.catalogue import load_catalogue
from alerts.engine import Engine
from alerts.findings import Finding
from alerts.schedule import micros
from devices.columns import EVENT_DTYPE, NO_BOOT, NO_SEQ, NO_TIME
from devices.types import EVENT_TYPES
from store.head import InputEntry

SHANGHAI = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000_000
DOOR, SOS, CAMERA, SECOND_DOOR = 1, 2, 3, 4

# Its resident is away: where the silence of people is tested, he comes home.
HOME: dict[str, Any] = {
    "site": [{"id": 1, "code": "h1", "kind": "home", "street": "s", "timezone": "Asia/Shanghai"}],
    "place": [
        {"id": 1, "site": 1, "code": "door-1", "kind": "door", "role": "entrance"},
        {"id": 2, "site": 1, "code": "door-2", "kind": "door", "role": "exit"},
    ],
    "resident": [{"id": 1, "site": 1, "code": "r1", "flags": [], "presence": "away"}],
    "device": [
        {"id": DOOR, "site": 1, "code": "mag-1", "kind": "door_sensor", "place": 1, "resident": None},
        {"id": SOS, "site": 1, "code": "sos-1", "kind": "sos_button", "place": None, "resident": 1},
        {"id": CAMERA, "site": 1, "code": "cam-1", "kind": "camera", "place": 1, "heartbeat": MINUTE},
        {"id": SECOND_DOOR, "site": 1, "code": "mag-2", "kind": "door_sensor", "place": 2, "resident": None},
    ],
}


def at(clock: str, day: int = 23) -> datetime:
    """A local time of November 2026, such as `22:40` or `22:40:30`."""
    return datetime.combine(date(2026, 11, day), time.fromisoformat(clock), tzinfo=SHANGHAI)


def clock(moment: int) -> str:
    """A moment as the local clock shows it."""
    return datetime.fromtimestamp(moment / 1e6, SHANGHAI).strftime("%H:%M")


def columns(rows: Iterable[dict[str, Any]]) -> NDArray[np.void]:
    """Events from dicts; what is not given is as a device without clock and counter leaves it."""
    plain = {"at": NO_TIME, "value": np.nan, "seq": NO_SEQ, "boot": NO_BOOT, "flags": 0}
    given = [{**plain, **row} for row in rows]
    names = EVENT_DTYPE.names or ()
    return np.array([tuple(row[name] for name in names) for row in given], EVENT_DTYPE)


@dataclass(slots=True)
class Line:
    """A log being written and told to an engine at once; `findings` is all that came of it."""

    engine: Engine = field(default_factory=Engine)
    position: int = 0
    findings: list[Finding] = field(default_factory=list)
    entries: list[InputEntry | NDArray[np.void]] = field(default_factory=list)

    def enter(self, kind: str, when: datetime, body: dict[str, Any] | None = None) -> list[Finding]:
        """A control entry."""
        self.position += 1
        entry = InputEntry(kind=kind, at=when, body=body or {}, position=self.position)
        self.entries.append(entry)
        return self._keep(self.engine.apply([entry], columns([])))

    def push(
        self, device: int, what: str, when: datetime, received: datetime | None = None, **more: Any
    ) -> list[Finding]:
        """An event; `when` is its device's time."""
        self.position += 1
        moment = micros(when)
        row = {
            "position": self.position, "received_at": micros(received or when), "effective_at": moment,
            "device": device, "type": EVENT_TYPES[what], "at": moment, **more,
        }  # fmt: skip
        batch = columns([row])
        self.entries.append(batch)
        return self._keep(self.engine.apply([], batch))

    def tick(self, when: datetime) -> list[Finding]:
        """A watermark."""
        return self.enter("watermark", when)

    def _keep(self, findings: Sequence[Finding]) -> list[Finding]:
        self.engine.adopt()
        self.findings += findings
        return list(findings)


def rules_entry(rule: str, version: int = 1, overrides: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The body of a `rules` entry with the catalogue's own definition."""
    definition = load_catalogue()[rule].document
    return {"rule": rule, "version": version, "definition": definition, "overrides": list(overrides)}


def started(home: dict[str, Any] | None = None, when: datetime | None = None) -> Line:
    """A line with the catalogue and a home."""
    line, begin = Line(), when or at("00:00", 1)
    for rule in load_catalogue():
        line.enter("rules", begin, rules_entry(rule))
    line.enter("registry", begin, {"upsert": home or HOME, "remove": {}})
    return line


def told(findings: Iterable[Finding]) -> list[str]:
    """Findings as a person would say them: `raised P3 22:50`."""
    return [f"{f.change} P{f.severity} {clock(f.at)}" for f in findings]
