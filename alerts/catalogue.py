"""The rule catalogue: one TOML file, read strictly, every error naming file, rule and key."""

import tomllib
from importlib.resources import files
from typing import Any

from alerts.rule import Rule
from alerts.rule_reader import CatalogueError, RuleReader

CATALOGUE = "catalogue.toml"


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
    for rule in rules.values():
        _check_inhibited(rule, rules, file)
    return rules


def parse_rule(document: Any, file: str = CATALOGUE) -> Rule:
    """One rule of a catalogue, as TOML or JSON gives it. Raises `CatalogueError`."""
    return RuleReader(document, file).rule()


def _check_inhibited(rule: Rule, rules: dict[str, Rule], file: str) -> None:
    for code in rule.inhibits:
        other = rules.get(code)
        if other is None:
            raise CatalogueError(file, rule.code, "inhibits", f"there is no rule {code}")
        if other.never_suppressed:
            raise CatalogueError(file, rule.code, "inhibits", f"{code} is never suppressed")
        if other.inhibits:
            raise CatalogueError(file, rule.code, "inhibits", f"{code} inhibits others itself: one level is enough")
        if other.subject is not rule.subject:
            message = f"{code} is about a {other.subject.word}, not a {rule.subject.word}"
            raise CatalogueError(file, rule.code, "inhibits", message)
