"""Takes one rule's table apart, strictly: every error names file, rule and key."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from alerts.findings import NO_SEVERITY, SUBJECTS, Subject
from alerts.rule import (
    FLAGS,
    MAX_STEPS,
    POWERS,
    PRESENCES,
    SITE_KINDS,
    STATES,
    STEPS,
    Case,
    Part,
    Rule,
    Step,
    parse_between,
    parse_setting,
    parse_silence,
    parse_steps,
    parse_times,
    parser,
    settings,
)
from devices.models import DEVICE_KINDS, PlaceRole
from devices.types import EVENT_TYPES

LANGUAGES = ("zh", "en")
ROLES: frozenset[str] = frozenset(PlaceRole.__args__)  # type: ignore[attr-defined]  # a Literal knows its values
_COMMON = {
    "code", "name", "primitive", "subject", "severity", "clear", "source", "advice", "never_suppressed", "inhibits",
}  # fmt: skip
_OWN: Mapping[str, set[str]] = {
    "event": {"on", "ends", "ends_within"},
    "held": {"state", "after", "night", "off_hours", "roles", "sealed", "sites", "otherwise", "when"},
    "silent": {"kinds", "after", "sites", "when", "on", "presence", "steps"},
    "sequence": {
        "first",
        "then",
        "meanwhile",
        "each",
        "kinds",
        "after",
        "between",
        "whole",
        "sites",
        "when",
        "presence",
        "steps",
        "roles",
    },
    "count": {"first", "times", "within", "quiet", "kinds", "between", "sites", "when", "presence", "roles"},
}
_OF_PEOPLE = ("on", "presence")
_OF_PARTS = frozenset({"sequence", "count"})
_OF_DOORS = ("roles", "sealed", "off_hours")
_ASKED: Mapping[str, tuple[str, ...]] = {"site": SITE_KINDS, "flag": FLAGS, "power": POWERS}


class CatalogueError(ValueError):
    """A rule cannot be used as it is written."""

    def __init__(self, file: str, rule: str, key: str, message: str) -> None:
        super().__init__(f"{file}: rule {rule}: {key}: {message}")
        self.file, self.rule, self.key, self.message = file, rule, key, message


class RuleReader:
    """One rule of a catalogue, as TOML or JSON gives it. Every method raises `CatalogueError`."""

    def __init__(self, document: Any, file: str) -> None:
        self.file = file
        self.document: dict[str, Any] = document if isinstance(document, dict) else {}
        self.code = str(self.document.get("code", "?"))
        if not isinstance(document, dict):
            raise self.wrong("-", "a rule is a table")

    def wrong(self, key: str, message: str) -> CatalogueError:
        return CatalogueError(self.file, self.code, key, message)

    def rule(self) -> Rule:
        primitive = self.choice("primitive", _OWN)
        self.known(self.document, _COMMON | _OWN[primitive], "")
        state = STATES[self.choice("state", STATES)] if primitive == "held" else None
        steps = self.steps(primitive)
        return Rule(
            code=self.text("code"),
            name={lang: self.text("name", lang) for lang in LANGUAGES},
            advice={lang: self.advice(lang) for lang in LANGUAGES},
            primitive=primitive,
            subject=self.subject(primitive),
            steps=steps,
            never_suppressed=self.flag("never_suppressed"),
            inhibits=self.inhibits(),
            cases=tuple(self.case(n, case, primitive, steps) for n, case in enumerate(self.tables("when"))),
            on=self.types("on") if primitive == "event" or self.is_about_a_person else (),
            first=self.parts("first") if primitive in _OF_PARTS else (),
            then=self.apart("then") if primitive == "sequence" else (),
            meanwhile=self.apart("meanwhile") if "meanwhile" in self.document else (),
            ends=self.ends(),
            ends_within=self.ends_within(),
            state=state,
            otherwise=self.otherwise(),
            roles=frozenset(self.optional("roles", ROLES)),
            sealed=self.flag("sealed"),
            sites=self.optional("sites", SITE_KINDS),
            each=self.flag("each"),
            times=self.value(self.document, "", "times", parse_times) if primitive == "count" else 0,
            within=self.value(self.document, "", "within", parse_silence) if primitive == "count" else 0,
            quiet=self.value(self.document, "", "quiet", parse_silence) if primitive == "count" else 0,
            kinds=self.choices("kinds", DEVICE_KINDS)
            if primitive == "silent" or self.is_a_sequence_of_a_person
            else (),
            presence=self.presence(primitive),
            person_clears=self.person_clears(primitive),
            document=self.document,
        )

    # ------------------------------------------------------------ values
    def known(self, table: Any, keys: set[str], prefix: str) -> None:
        if not isinstance(table, dict):
            raise self.wrong(prefix.rstrip("."), "a table is needed here")
        for key in table:
            if key not in keys:
                raise self.wrong(f"{prefix}{key}", f"unknown key; known are {', '.join(sorted(keys))}")

    def choice(self, key: str, known: Any) -> str:
        return self.one_of(key, self.document.get(key), known)

    def one_of(self, key: str, value: Any, known: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise self.wrong(key, f"{value!r} is none of {', '.join(sorted(known))}")
        return value

    def choices(self, key: str, known: Any) -> tuple[str, ...]:
        return self.listed(key, self.document.get(key), known)

    def listed(self, key: str, values: Any, known: Any) -> tuple[str, ...]:
        return tuple(self.one_of(key, value, known) for value in self.entries(key, values))

    def entries(self, key: str, values: Any) -> list[Any]:
        if not isinstance(values, list) or not values or len(set(map(str, values))) != len(values):
            raise self.wrong(key, "a list is needed, not empty, each entry once")
        return values

    def optional(self, key: str, known: Any) -> tuple[str, ...]:
        return self.choices(key, known) if key in self.document else ()

    def tables(self, key: str) -> list[Any]:
        return self.entries(key, self.document[key]) if key in self.document else []

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

    def value(self, table: dict[str, Any], prefix: str, key: str, parse: Any) -> Any:
        if key not in table:
            raise self.wrong(f"{prefix}{key}", "missing")
        try:
            return parse(table[key])
        except ValueError as error:
            raise self.wrong(f"{prefix}{key}", str(error)) from error

    # ------------------------------------------------------------ keys
    def advice(self, lang: str) -> list[str]:
        table = self.document.get("advice")
        self.known(table, set(LANGUAGES), "advice.")
        steps = table.get(lang) if isinstance(table, dict) else None
        if not isinstance(steps, list) or not 2 <= len(steps) <= 5 or not all(isinstance(s, str) and s for s in steps):  # noqa: PLR2004 -- two to five steps
            raise self.wrong(f"advice.{lang}", "two to five short steps are needed")
        return list(steps)

    def types(self, key: str) -> tuple[int, ...]:
        return tuple(EVENT_TYPES[name] for name in self.choices(key, EVENT_TYPES))

    def parts(self, key: str) -> tuple[Part, ...]:
        """One part of a sequence: a table, or several of which any will do."""
        given = self.document.get(key)
        tables = self.entries(key, given) if isinstance(given, list) else [given]
        return tuple(self.part(key, table) for table in tables)

    def part(self, key: str, table: Any) -> Part:
        prefix = f"{key}."
        self.known(table, {"on", "at", "not_at", "sites"}, prefix)
        if "at" in table and "not_at" in table:
            raise self.wrong(f"{prefix}not_at", "either at or not_at, not both")
        known = {"on": EVENT_TYPES, "at": ROLES, "not_at": ROLES, "sites": SITE_KINDS}
        given = {name: self.listed(prefix + name, table[name], known[name]) for name in table}
        return Part(
            on=tuple(EVENT_TYPES[name] for name in given.get("on") or self.listed(f"{prefix}on", None, EVENT_TYPES)),
            at=frozenset(given.get("at", ())),
            not_at=frozenset(given.get("not_at", ())),
            sites=given.get("sites", ()),
        )

    def apart(self, key: str) -> tuple[Part, ...]:
        """A further part of it; nothing may both begin it and end it or put it off."""
        parts = self.parts(key)
        for first, other in product(self.parts("first"), parts):
            elsewhere = first.at and (first.at <= other.not_at or (other.at and not first.at & other.at))
            if set(first.on) & set(other.on) and not elsewhere:
                raise self.wrong(f"{key}.on", "the same event at the same place begins it")
        return parts

    def ends(self) -> tuple[int, ...]:
        ends = self.types("ends") if "ends" in self.document else ()
        if both := set(ends) & set(self.types("on") if ends else ()):
            raise self.wrong("ends", f"type {min(both)} cannot both raise the rule and end its condition")
        return ends

    def ends_within(self) -> int | None:
        if "ends_within" not in self.document:
            return None
        if "ends" not in self.document:
            raise self.wrong("ends_within", "it is the time of its ends, and it has none")
        return int(self.value(self.document, "", "ends_within", parse_silence))

    def subject(self, primitive: str) -> Subject:
        value = SUBJECTS[self.choice("subject", SUBJECTS)]
        may = {
            "event": {Subject.RESIDENT, Subject.SITE},
            "held": {state.subject for word, state in STATES.items() if word == self.document.get("state")},
            "silent": {Subject.DEVICE, Subject.RESIDENT},
            "sequence": {Subject.RESIDENT, Subject.PLACE},
            "count": {Subject.RESIDENT, Subject.PLACE},
        }[primitive]
        if value not in may:
            words = " or a ".join(sorted(s.word for s in may))
            raise self.wrong("subject", f"such a rule of primitive {primitive} is about a {words}")
        self.only_doors_have()
        for key in _OF_PEOPLE:
            if key in self.document and primitive == "silent" and not self.is_about_a_person:
                raise self.wrong(key, "only the silence of a resident has this")
        return value

    @property
    def is_about_a_person(self) -> bool:
        """Whether it is about the silence of a resident, not of a device."""
        return (self.document.get("primitive"), self.document.get("subject")) == ("silent", Subject.RESIDENT.word)

    @property
    def is_a_sequence_of_a_person(self) -> bool:
        """Whether it is about what a resident did, not about a door."""
        return self.document.get("primitive") in _OF_PARTS and self.document.get("subject") == Subject.RESIDENT.word

    def presence(self, primitive: str) -> tuple[str, ...]:
        """Of which presence residents are: of a door's site one is enough."""
        if primitive in _OF_PARTS or self.is_about_a_person:
            return self.choices("presence", PRESENCES)
        return ()

    def only_doors_have(self) -> None:
        door = self.document.get("state") == "open" or (
            self.document.get("primitive") in _OF_PARTS and self.document.get("subject") == Subject.PLACE.word
        )
        for key in _OF_DOORS:
            if key in self.document and not door:
                raise self.wrong(key, "only what is open or closed has this")

    def otherwise(self) -> Subject | None:
        """Whom a device speaks for that stands at no place."""
        if "otherwise" not in self.document:
            return None
        if self.document.get("state") != "wet":
            raise self.wrong("otherwise", "only what is wet may be of no place")
        return SUBJECTS[self.choice("otherwise", {"site"})]

    def inhibits(self) -> tuple[str, ...]:
        codes = self.tables("inhibits")
        for code in codes:
            if not isinstance(code, str) or not code.strip() or code == self.code:
                raise self.wrong("inhibits", f"{code!r} is no code of another rule")
        return tuple(codes)

    def person_clears(self, primitive: str) -> bool:
        clear, state = self.document.get("clear"), STATES.get(str(self.document.get("state")))
        silent = "activity" if self.is_about_a_person else "heard"
        wanted = {
            "event": "person", "held": {"state": state.over if state else ""}, "silent": silent, "sequence": "then",
            "count": "quiet",
        }[primitive]  # fmt: skip
        if clear != wanted:
            raise self.wrong("clear", f"such a rule of primitive {primitive} is cleared by {wanted!r}")
        return primitive == "event"

    def case(self, n: int, table: Any, primitive: str, steps: tuple[Step, ...]) -> Case:
        """What holds for some subjects."""
        prefix = f"when.{n}."
        self.known(table, {*_ASKED, "set"}, prefix)
        asked = {key: self.one_of(prefix + key, table[key], known) for key, known in _ASKED.items() if key in table}
        if not asked:
            raise self.wrong(f"when.{n}", "it asks for nothing: site, flag or power")
        if "power" in asked and self.document.get("subject") != "device":
            raise self.wrong(f"{prefix}power", "only a device has a power")
        given = table.get("set")
        self.known(given, set(settings(primitive, steps)), f"{prefix}set.")
        values = {
            key: self.value({key: value}, f"{prefix}set.", key, lambda v, k=key: parse_setting(primitive, k, v))
            for key, value in given.items()
        }
        if not values:
            raise self.wrong(f"{prefix}set", "it sets nothing")
        return Case(values=values, **asked)

    def steps(self, primitive: str) -> tuple[Step, ...]:
        night = self.document.get("night")
        between = None
        if night is not None:
            self.known(night, {"between", "after", "severity"}, "night.")
            between = self.value(night, "night.", "between", parse_between)
        outside = {"between": between, "outside": between is not None}
        own = self.window(primitive) if primitive in _OF_PARTS else outside
        steps = [self.step(primitive, "", self.document, **own)]
        if night is not None:
            steps.append(self.step(primitive, "night", night, between=between))
        if "off_hours" in self.document:
            self.known(self.document["off_hours"], {"after", "severity"}, "off_hours.")
            steps.append(self.step(primitive, "off_hours", self.document["off_hours"], off_hours=True))
        return (*steps, *self.further(steps[0]))

    def window(self, primitive: str) -> dict[str, Any]:
        """When the deadline of a sequence may fall, and whether all of it lies there, as all that is counted does."""
        between = self.value(self.document, "", "between", parse_between) if "between" in self.document else None
        if self.flag("whole") and (between is None or STEPS in self.document):
            raise self.wrong("whole", "it is of one step, and of its window between")
        whole = self.flag("whole") or (primitive == "count" and between is not None)
        return {"between": between, "whole": whole}

    def further(self, first: Step) -> list[Step]:
        """What follows the rule's own step in one alert, with room for as many as an override may set."""
        if STEPS not in self.document:
            return []
        # An empty list is room for those that a case or an override sets.
        given = () if self.document[STEPS] == [] else self.value(self.document, "", STEPS, parse_steps)
        if given and (given[0][0] <= first.after or given[0][1] >= first.severity):
            raise self.wrong(STEPS, "the first of them is later and worse than the rule's own after and severity")
        absent = [(0, NO_SEVERITY)] * (MAX_STEPS - 1 - len(given))
        return [
            Step(after=after, severity=severity, key=f"{STEPS}.{n}")
            for n, (after, severity) in enumerate([*given, *absent], 1)
        ]

    def step(self, primitive: str, key: str, table: dict[str, Any], **window: Any) -> Step:
        prefix = f"{key}." if key else ""
        after = 0 if primitive in {"event", "count"} else self.value(table, prefix, "after", parser(primitive, "after"))
        severity = self.value(table, prefix, "severity", parser(primitive, "severity"))
        return Step(after=after, severity=severity, key=key, **window)
