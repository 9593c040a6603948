"""Overrides of a rule: where they hold and what they set. The narrowest scope wins, key by key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.findings import Subject
from alerts.rule import Rule, parse_setting

# From the widest to the narrowest; a later layer overrules an earlier one.
LAYERS = ("all", "site", "place", "resident", "device")

_CODE = re.compile("[A-Za-z0-9_-]{1,64}")
_IN_SITE = re.compile(f"{_CODE.pattern}/{_CODE.pattern}")

_REACHES: Mapping[Subject, frozenset[str]] = {
    Subject.SITE: frozenset({"all", "site"}),
    Subject.PLACE: frozenset({"all", "site", "place"}),
    Subject.RESIDENT: frozenset({"all", "site", "resident"}),
    Subject.DEVICE: frozenset({"all", "site", "place", "device"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one override; `index` counts from 0."""

    index: int
    key: str
    message: str


class OverrideError(ValueError):
    """Some overrides cannot be used; `problems` holds all of them."""

    def __init__(self, rule: str, problems: Sequence[Problem]) -> None:
        said = "; ".join(f"override {p.index}: {p.key}: {p.message}" for p in problems)
        super().__init__(f"rule {rule}: {said}")
        self.rule, self.problems = rule, tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What holds in one scope. `id` is the registry's, 0 while it is not looked up and for scope `*`."""

    scope: str
    layer: str
    id: int = 0
    values: Mapping[str, Any]
    enabled: bool | None = None
    document: dict[str, Any]

    @property
    def code(self) -> str:
        """What the scope names: `h1`, `h1/door-1`, `r1`; empty for `*`."""
        return self.scope.partition(":")[2]


def parse_overrides(rule: Rule, documents: Any) -> list[Override]:
    """Overrides from JSON or TOML, in the order of their layers. Raises `OverrideError` with every problem."""
    if not isinstance(documents, list):
        raise OverrideError(rule.code, [Problem(index=0, key="-", message="a list of overrides is needed")])
    problems: list[Problem] = []
    found: list[Override] = []
    for index, document in enumerate(documents):
        override = _parse(rule, index, document, problems)
        if override is not None and any(o.scope == override.scope for o in found):
            problems.append(Problem(index=index, key="scope", message=f"{override.scope!r} stands here twice"))
        elif override is not None:
            found.append(override)
    if problems:
        raise OverrideError(rule.code, problems)
    return sorted(found, key=lambda o: (LAYERS.index(o.layer), o.scope))


def _parse(rule: Rule, index: int, document: Any, problems: list[Problem]) -> Override | None:
    if not isinstance(document, dict):
        problems.append(Problem(index=index, key="-", message="an override is a table"))
        return None
    before = len(problems)
    problems += [
        Problem(index=index, key=key, message="unknown key; known are scope, set, enabled")
        for key in document
        if key not in {"scope", "set", "enabled", "id", "rule"}
    ]
    if document.get("rule", rule.code) != rule.code:
        problems.append(Problem(index=index, key="rule", message=f"this is a list for {rule.code}"))
    layer = _layer(rule, index, document.get("scope"), problems)
    values = _values(rule, index, document.get("set", {}), problems)
    enabled = _enabled(rule, index, document, problems)
    if len(problems) > before:
        return None
    number = document.get("id", 0)
    return Override(
        scope=document["scope"],
        layer=layer,
        id=number if isinstance(number, int) else 0,
        values=values,
        enabled=enabled,
        document=document,
    )


def _layer(rule: Rule, index: int, scope: Any, problems: list[Problem]) -> str:
    if scope == "*":
        return "all"
    layer, _, code = scope.partition(":") if isinstance(scope, str) else ("", "", "")
    reach = _REACHES[rule.subject]
    if layer not in LAYERS[1:] or not (_IN_SITE if layer in {"place", "device"} else _CODE).fullmatch(code):
        message = f"{scope!r} is no scope: *, site:h1, place:h1/door-1, resident:r1 or device:h1/mat-1"
        problems.append(Problem(index=index, key="scope", message=message))
    elif layer not in reach:
        message = f"{rule.code} is about a {rule.subject.word}; it has no scope of kind {layer}"
        problems.append(Problem(index=index, key="scope", message=message))
    return str(layer)


def _values(rule: Rule, index: int, values: Any, problems: list[Problem]) -> dict[str, Any]:
    if not isinstance(values, dict):
        problems.append(Problem(index=index, key="set", message="a table is needed here"))
        return {}
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in rule.settable:
            known = ", ".join(sorted(rule.settable)) or "none: nothing may weaken this rule"
            problems.append(Problem(index=index, key=f"set.{key}", message=f"cannot be set; keys are {known}"))
            continue
        try:
            parsed[key] = parse_setting(rule.primitive, key, value)
        except ValueError as error:
            problems.append(Problem(index=index, key=f"set.{key}", message=str(error)))
    return parsed


def _enabled(rule: Rule, index: int, document: dict[str, Any], problems: list[Problem]) -> bool | None:
    enabled = document.get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        problems.append(Problem(index=index, key="enabled", message="true or false is needed"))
        return None
    if enabled is False and rule.never_suppressed:
        problems.append(Problem(index=index, key="enabled", message=f"{rule.code} is never switched off"))
    return enabled
