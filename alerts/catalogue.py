"""The rule catalogue: one TOML file, read strictly, every error naming file, rule and key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from importlib.resources import files
from typing import Any

from alerts.findings import SUBJECTS, Subject
from devices.durations import SECOND, BadDuration, parse_duration
from devices.models import DEVICE_KINDS, PlaceRole
from devices.types import EVENT_TYPES

CATALOGUE = "catalogue.toml"
_LOCAL_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
SEVERITIES: Mapping[str, int] = {"P1": 1, "P2": 2, "P3": 3, "P4": 4}
LANGUAGES = ("zh", "en")
ROLES: frozenset[str] = frozenset(PlaceRole.__args__)  # type: ignore[attr-defined]  # a Literal knows its values


class CatalogueError(ValueError):
    """A rule cannot be used as it is written."""

    def __init__(self, file: str, rule: str, key: str, message: str) -> None:
        super().__init__(f"{file}: rule {rule}: {key}: {message}")
        self.file, self.rule, self.key, self.message = file, rule, key, message


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldState:
    """A state that lasts: what begins it, what ends it, and which devices tell of it."""

    begins: int
    ends: int
    device: str


STATES: Mapping[str, HeldState] = {
    "open": HeldState(begins=EVENT_TYPES["door.opened"], ends=EVENT_TYPES["door.closed"], device="door_sensor"),
}
ENDS: Mapping[str, str] = {"open": "closed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `after` microseconds on, within a daily window of local time (or outside it), it is this severe."""

    after: int
    severity: int
    between: tuple[time, time] | None = None
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the catalogue. `document` is what it was read from."""

    code: str
    name: dict[str, str]
    advice: dict[str, list[str]]
    primitive: str
    subject: Subject
    steps: tuple[Step, ...]
    person_clears: bool = False
    never_suppressed: bool = False
    on: tuple[int, ...] = ()
    state: HeldState | None = None
    roles: frozenset[str] = frozenset()
    kinds: tuple[str, ...] = ()
    document: dict[str, Any]

    @property
    def settable(self) -> frozenset[str]:
        """The keys that an override may set: none where nothing may weaken the rule."""
        if self.never_suppressed:
            return frozenset()
        keys = {"severity"} if self.primitive == "event" else {"severity", "after"}
        if len(self.steps) > 1:
            keys |= {"night.after", "night.severity", "night.between"}
        return frozenset(keys)


def load_catalogue(text: str | None = None, file: str = CATALOGUE) -> dict[str, Rule]:
    """The rules by code; the shipped catalogue where no text is given. Raises `CatalogueError`."""
    source = files("alerts").joinpath(CATALOGUE).read_text("utf-8") if text is None else text
    try:
        document = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(file, "-", "-", f"no TOML: {error}") from error
    if extra := set(document) - {"rule"}:
        raise CatalogueError(file, "-", min(extra), "unknown table; only [[rule]] is known")
    rules: dict[str, Rule] = {}
    for item in document.get("rule", []):
        rule = parse_rule(item, file)
        if rule.code in rules:
            raise CatalogueError(file, rule.code, "code", "two rules have this code")
        rules[rule.code] = rule
    return rules


def parse_rule(document: dict[str, Any], file: str = CATALOGUE) -> Rule:
    """One rule of a catalogue, as TOML or JSON gives it. Raises `CatalogueError`."""
    return _Reader(document, file).rule()


def parse_severity(value: Any) -> int:
    """1 for P1 … 4 for P4. Raises ValueError."""
    if not isinstance(value, str) or value not in SEVERITIES:
        raise ValueError(f"{value!r} is no severity: P1, P2, P3 or P4")
    return SEVERITIES[value]


def parse_after(value: Any) -> int:
    """Microseconds, at least a second. Raises ValueError."""
    if not isinstance(value, str):
        raise BadDuration(f'{value!r} is no duration: write it as text, such as "5min"')
    micros = parse_duration(value)
    if micros < SECOND:
        raise BadDuration("at least 1s: a rule that fires after no time at all is an `event` rule")
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


_COMMON = {"code", "name", "primitive", "subject", "severity", "clear", "source", "advice", "never_suppressed"}
_OWN: Mapping[str, set[str]] = {
    "event": {"on"},
    "held": {"state", "after", "night", "roles"},
    "silent": {"kinds", "after"},
}
_SUBJECT_OF: Mapping[str, str] = {"event": "resident", "held": "place", "silent": "device"}


class _Reader:
    """Takes one rule's table apart."""

    def __init__(self, document: Any, file: str) -> None:
        self.file = file
        self.document: dict[str, Any] = document if isinstance(document, dict) else {}
        self.code = str(self.document.get("code", "?"))
        if not isinstance(document, dict):
            raise self.wrong("-", "a rule is a table")

    def wrong(self, key: str, message: str) -> CatalogueError:
        return CatalogueError(self.file, self.code, key, message)

    def rule(self) -> Rule:
        primitive = self.primitive()
        self.known(self.document, _COMMON | _OWN[primitive], "")
        return Rule(
            code=self.text("code"),
            name={lang: self.text("name", lang) for lang in LANGUAGES},
            advice={lang: self.advice(lang) for lang in LANGUAGES},
            primitive=primitive,
            subject=self.subject(primitive),
            steps=self.steps(primitive),
            never_suppressed=self.flag("never_suppressed"),
            on=tuple(EVENT_TYPES[t] for t in self.choices("on", EVENT_TYPES)) if primitive == "event" else (),
            state=STATES[self.choice("state", STATES)] if primitive == "held" else None,
            roles=frozenset(self.choices("roles", ROLES)) if "roles" in self.document else frozenset(),
            kinds=self.choices("kinds", DEVICE_KINDS) if primitive == "silent" else (),
            person_clears=self.person_clears(primitive),
            document=self.document,
        )

    def known(self, table: Any, keys: set[str], prefix: str) -> None:
        if not isinstance(table, dict):
            raise self.wrong(prefix.rstrip("."), "a table is needed here")
        for key in table:
            if key not in keys:
                raise self.wrong(f"{prefix}{key}", f"unknown key; known are {', '.join(sorted(keys))}")

    def primitive(self) -> str:
        return self.choice("primitive", _OWN)

    def choice(self, key: str, known: Any) -> str:
        value = self.document.get(key)
        if not isinstance(value, str) or value not in known:
            raise self.wrong(key, f"{value!r} is none of {', '.join(sorted(known))}")
        return value

    def choices(self, key: str, known: Any) -> tuple[str, ...]:
        values = self.document.get(key)
        if not isinstance(values, list) or not values or len(set(map(str, values))) != len(values):
            raise self.wrong(key, "a list is needed, not empty, each entry once")
        for value in values:
            if not isinstance(value, str) or value not in known:
                raise self.wrong(key, f"{value!r} is none of {', '.join(sorted(known))}")
        return tuple(values)

    def text(self, key: str, part: str | None = None) -> str:
        value = self.document.get(key)
        if part is not None:
            self.known(value, set(LANGUAGES), f"{key}.")
            value = self.document[key].get(part)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key if part is None else f"{key}.{part}", "a text is needed")
        return value

    def flag(self, key: str) -> bool:
        value = self.document.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{value!r} is neither true nor false")
        return value

    def advice(self, lang: str) -> list[str]:
        table = self.document.get("advice")
        self.known(table, set(LANGUAGES), "advice.")
        steps = table.get(lang) if isinstance(table, dict) else None
        if not isinstance(steps, list) or not 2 <= len(steps) <= 5 or not all(isinstance(s, str) and s for s in steps):  # noqa: PLR2004 -- two to five steps
            raise self.wrong(f"advice.{lang}", "two to five short steps are needed")
        return list(steps)

    def subject(self, primitive: str) -> Subject:
        value = self.choice("subject", SUBJECTS)
        if value != _SUBJECT_OF[primitive]:
            raise self.wrong("subject", f"a rule of primitive {primitive} is about a {_SUBJECT_OF[primitive]}")
        return SUBJECTS[value]

    def person_clears(self, primitive: str) -> bool:
        clear = self.document.get("clear")
        wanted = {
            "event": "person",
            "held": {"state": ENDS.get(str(self.document.get("state")), "")},
            "silent": "heard",
        }[primitive]
        if clear != wanted:
            raise self.wrong("clear", f"a rule of primitive {primitive} is cleared by {wanted!r}")
        return primitive == "event"

    def steps(self, primitive: str) -> tuple[Step, ...]:
        after = 0 if primitive == "event" else self.value(self.document, "after", parse_after, "")
        severity = self.value(self.document, "severity", parse_severity, "")
        night = self.document.get("night")
        if night is None:
            return (Step(after=after, severity=severity),)
        self.known(night, {"between", "after", "severity"}, "night.")
        between = self.value(night, "between", parse_between, "night.")
        return (
            Step(after=after, severity=severity, between=between, outside=True),
            Step(
                after=self.value(night, "after", parse_after, "night."),
                severity=self.value(night, "severity", parse_severity, "night."),
                between=between,
            ),
        )

    def value(self, table: dict[str, Any], key: str, parse: Any, prefix: str) -> Any:
        if key not in table:
            raise self.wrong(f"{prefix}{key}", "missing")
        try:
            return parse(table[key])
        except ValueError as error:
            raise self.wrong(f"{prefix}{key}", str(error)) from error
