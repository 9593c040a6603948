"""Parts of the reference: the clock on the wall, steps of severity, and a subject with its history."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000
UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
NOTHING = 9
MUTE = 12 * UNITS["h"]
KINDS = {"site": 0, "place": 1, "resident": 2, "device": 3}
WIDTH = {"*": 0, "site": 1, "place": 2, "resident": 3, "device": 4}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NEVER = 2**63 - 1
# What begins a state, what ends it, and which devices tell of it.
STATES = {
    "open": ("door.opened", "door.closed", "door_sensor"),
    "wet": ("leak.detected", "leak.cleared", "leak"),
    "tampered": ("tamper.detected", "tamper.cleared", None),
    "low": ("battery.low", "battery.ok", None),
}
FAMILIES = {"door", "camera", "leak", "tamper", "smoke", "gas"}

# Change, alert, at, received, severity, rule, subject, cause, event, parent.
Found = tuple[str, int, int, int, int, str, tuple[str, int], str | None, int | None, int]


def duration(text: str) -> int:
    digits = "".join(c for c in text if c.isdigit())
    return int(digits) * UNITS[text[len(digits) :]]


def local(moment: int, zone: str) -> datetime:
    return (EPOCH + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))


def inside(moment: int, zone: str, between: tuple[time, time]) -> bool:
    start, end = between
    wall = local(moment, zone).time()
    return start <= wall < end if start < end else wall >= start or wall < end


def next_edge(moment: int, zone: str, edge: time) -> int:
    day = local(moment, zone).date()
    found = [datetime.combine(day + timedelta(days=n), edge, tzinfo=ZoneInfo(zone)) for n in (0, 1)]
    return min(m for d in found if (m := (d - EPOCH) // timedelta(microseconds=1)) > moment)


def off_hours(moment: int, zone: str, windows: list[tuple[time, time]]) -> int:
    """The first moment from this one on that lies in none of the windows."""
    for _ in range(20):
        ends = [next_edge(moment, zone, w[1]) for w in windows if inside(moment, zone, w)]
        if not ends:
            return moment
        moment = max(ends)
    return NEVER


def hours(text: str) -> tuple[time, time]:
    start, end = text.split("-")
    return time.fromisoformat(start), time.fromisoformat("00:00" if end == "24:00" else end)


class When(NamedTuple):
    """When something became true, and when and where in the log that was known."""

    moment: int
    received: int
    position: int


@dataclass(slots=True)
class Step:
    after: int
    severity: int
    between: tuple[time, time] | None = None
    outside: bool = False
    floor: int | None = None
    windows: list[tuple[time, time]] | None = None  # off hours are outside these
    whole: bool = False  # nothing any more once the window is over in which it began

    def due(self, since: int, zone: str) -> int:
        moment = max(since + self.after, self.floor if self.floor is not None else since)
        if self.windows is not None:
            return off_hours(moment, zone, self.windows)
        if self.whole and self.between is not None:
            there = inside(since, zone, self.between) and moment < next_edge(since, zone, self.between[1])
            return moment if there else NEVER
        if self.between is None or inside(moment, zone, self.between) != self.outside:
            return moment
        return next_edge(moment, zone, self.between[1 if self.outside else 0])

    def terms(self) -> tuple[Any, ...]:
        return self.after, self.severity, self.between, self.outside, self.windows, self.whole


@dataclass(slots=True)
class Subject:
    """A subject under a rule: its parameters, its history, and its alerts."""

    rule: str
    kind: str
    id: int
    site: int
    place: int = 0
    steps: list[Step] = field(default_factory=list)
    enabled: bool = True
    present: bool = True
    since: int | None = None
    origin: int | None = None
    reports: list[tuple[int, int, bool]] = field(default_factory=list)  # time, position, whether it begins
    fired: int = NOTHING
    active: bool = False
    alert: int = 0
    severity: int = NOTHING
    muted: int | None = None
    mute_due: int | None = None
    causes: set[str] = field(default_factory=set)
    newest_cause: dict[str, int] = field(default_factory=dict)
    suspected: int | None = None
    reported: int | None = None
    off: bool = False
    told: int | None = None
    lasting: dict[int, int] = field(default_factory=dict)  # devices of an event that lasts, and when they told
    parent: int = 0
    held: bool = False
    times: int = 0
    within: int = 0
    quiet: int = 0
    counted: list[int] = field(default_factory=list)
    reached: bool = False  # what was counted was enough
    begins_again: bool = False  # what ended a sequence begins it anew
    blind: int | None = None  # since when no sensor works that would tell of him

    def order(self) -> tuple[str, int, int]:
        return self.rule, KINDS[self.kind], self.id
