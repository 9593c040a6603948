"""What a rule is: its definition as values, and how each setting is written."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from itertools import pairwise
from typing import Any, get_args

from alerts.findings import NO_SEVERITY, Subject
from devices.durations import SECOND, BadDuration, parse_duration
from devices.models import Presence
from devices.types import EVENT_TYPES

_LOCAL_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
SEVERITIES: Mapping[str, int] = {"P1": 1, "P2": 2, "P3": 3, "P4": 4}
SITE_KINDS = ("home", "institution")
POWERS = ("mains", "battery")
PRESENCES: tuple[str, ...] = get_args(Presence)
MAX_STEPS = 4
MAX_TIMES = 100
STEPS = "steps"  # the key of further steps, as a list
FLAGS = ("dementia", "fall_risk", "lives_alone")  # of residents, that a case may ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldState:
    """A state that lasts: what begins it, what ends it, and whom it is about.

    `device` is the kind that tells of it, None where every device may; `over` is what the state's end is called.
    """

    begins: int
    ends: int
    subject: Subject
    device: str | None
    over: str


STATES: Mapping[str, HeldState] = {
    "open": HeldState(
        begins=EVENT_TYPES["door.opened"], ends=EVENT_TYPES["door.closed"], subject=Subject.PLACE,
        device="door_sensor", over="closed",
    ),
    "wet": HeldState(
        begins=EVENT_TYPES["leak.detected"], ends=EVENT_TYPES["leak.cleared"], subject=Subject.PLACE,
        device="leak", over="dry",
    ),
    "tampered": HeldState(
        begins=EVENT_TYPES["tamper.detected"], ends=EVENT_TYPES["tamper.cleared"], subject=Subject.DEVICE,
        device=None, over="restored",
    ),
    "low": HeldState(
        begins=EVENT_TYPES["battery.low"], ends=EVENT_TYPES["battery.ok"], subject=Subject.DEVICE, device=None,
        over="ok",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Events of these types, told at a place of one of `at`, at none of `not_at`, at a site of one of these kinds.

    Empty `at` is any place, empty `sites` any kind; a device that stands at no place is at none of them.
    """

    on: tuple[int, ...]
    at: frozenset[str] = frozenset()
    not_at: frozenset[str] = frozenset()
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `after` microseconds on, within a daily window of local time (or outside it), it is this severe.

    `key` is the table that sets it, empty for the rule's own, `steps.1` for the first further one; `off_hours`: only
    outside the place's open hours; `whole`: only where what it waits for began in the same window. A step of
    NO_SEVERITY is not there until an override sets it.
    """

    after: int
    severity: int
    key: str = ""
    between: tuple[time, time] | None = None
    outside: bool = False
    off_hours: bool = False
    whole: bool = False

    def named(self, setting: str) -> str:
        """The key under which one of its settings is set."""
        return f"{self.key}.{setting}" if self.key else setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the rule sets otherwise for some subjects: all that is asked for must hold; later cases overrule earlier.

    `site` and `power` are kinds; `flag` is that of the resident, or of any resident of the site.
    """

    site: str | None = None
    flag: str | None = None
    power: str | None = None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the catalogue. `document` is what it was read from.

    `ends_within`: for how many microseconds after it happened its end is heard; None for ever. What is one of `first`
    begins a sequence, one of `then` ends it, one of `meanwhile` puts its deadline off; with `each`
    every further beginning is one of its own. A count is of `times` of `first` within so many microseconds,
    and over once it was `quiet` for as many.
    """

    code: str
    name: dict[str, str]
    advice: dict[str, list[str]]
    primitive: str
    subject: Subject
    steps: tuple[Step, ...]
    person_clears: bool = False
    never_suppressed: bool = False
    inhibits: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    on: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    ends_within: int | None = None
    state: HeldState | None = None
    first: tuple[Part, ...] = ()
    then: tuple[Part, ...] = ()
    meanwhile: tuple[Part, ...] = ()
    each: bool = False
    times: int = 0
    within: int = 0
    quiet: int = 0
    otherwise: Subject | None = None
    roles: frozenset[str] = frozenset()
    sealed: bool = False
    sites: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    presence: tuple[str, ...] = ()
    document: dict[str, Any]

    @property
    def settable(self) -> frozenset[str]:
        """The keys that an override may set: none where nothing may weaken the rule."""
        return frozenset() if self.never_suppressed else settings(self.primitive, self.steps)

    @property
    def lapses(self) -> bool:
        """Whether it is nothing any more once the window is over in which it began."""
        return any(step.whole for step in self.steps)


def settings(primitive: str, steps: tuple[Step, ...]) -> frozenset[str]:
    """The keys that the steps of a rule take their settings from."""
    there = [step for step in steps if step.severity != NO_SEVERITY]
    keys = {step.named("severity") for step in there}
    if primitive == "count":
        keys |= {"times", "within", "quiet"}
    elif primitive != "event":
        keys |= {step.named("after") for step in there}
    if any(step.key.startswith(STEPS) for step in steps):
        keys.add(STEPS)
    return frozenset(keys | {step.named("between") for step in steps if step.between and not step.outside})


def parse_setting(primitive: str, key: str, value: Any) -> Any:
    """One setting's value. Raises ValueError."""
    return parser(primitive, key)(value)


def parser(primitive: str, key: str) -> Callable[[Any], Any]:
    """What reads a setting, such as `night.after`."""
    setting = key.rpartition(".")[2]
    if setting == "after":
        return parse_silence if primitive == "silent" else parse_after
    return {
        "severity": parse_severity, "between": parse_between, STEPS: parse_steps, "times": parse_times,
        "within": parse_silence, "quiet": parse_silence,
    }[setting]  # fmt: skip


def parse_times(value: Any) -> int:
    """How often something must happen to be too often. Raises ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or not 2 <= value <= MAX_TIMES:  # noqa: PLR2004 -- once is an event
        raise ValueError(f"a whole number from 2 to {MAX_TIMES} is needed")
    return value


def parse_steps(value: Any) -> tuple[tuple[int, int], ...]:
    """Further steps of a silence, each later and worse than the one before: after and severity. Raises ValueError."""
    if not isinstance(value, list) or not 1 <= len(value) < MAX_STEPS:
        raise ValueError(f"a list of 1 to {MAX_STEPS - 1} steps is needed, each with after and severity")
    if not all(isinstance(step, dict) and set(step) == {"after", "severity"} for step in value):
        raise ValueError("each step has after and severity, and nothing else")
    steps = tuple((parse_silence(step["after"]), parse_severity(step["severity"])) for step in value)
    for (after, severity), (later, worse) in pairwise(steps):
        if later <= after or worse >= severity:
            raise ValueError("each step is later and worse than the one before")
    return steps


def parse_severity(value: Any) -> int:
    """1 for P1 … 4 for P4. Raises ValueError."""
    if not isinstance(value, str) or value not in SEVERITIES:
        raise ValueError(f"{value!r} is no severity: P1, P2, P3 or P4")
    return SEVERITIES[value]


def parse_after(value: Any) -> int:
    """Microseconds; `0s` is at once. Raises ValueError."""
    if not isinstance(value, str):
        raise BadDuration(f'{value!r} is no duration: write it as text, such as "5min"')
    return parse_duration(value)


def parse_silence(value: Any) -> int:
    """Microseconds, at least a second: in no time at all everything is silent. Raises ValueError."""
    micros = parse_after(value)
    if micros < SECOND:
        raise BadDuration("at least 1s: in no time at all everything is silent")
    return micros


def parse_between(value: Any) -> tuple[time, time]:
    """Start and end of a daily window of local time, which may cross midnight. Raises ValueError."""
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 -- a window has two ends
        raise ValueError('a window is two local times, such as ["23:00", "06:00"]')
    start, end = (_local_time(part) for part in value)
    if start == end:
        raise ValueError("an impossible schedule: the window begins and ends at the same time")
    return start, end


def _local_time(value: Any) -> time:
    if isinstance(value, str) and _LOCAL_TIME.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError(f'{value!r} is no local time: write it as "23:00"')
