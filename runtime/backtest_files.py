"""What a backtest reads: a registry, and overrides of rules with what their scopes name."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts.catalogue import load_catalogue
from alerts.overrides import Override, OverrideError, Problem, parse_overrides
from alerts.rule import Rule
from devices.references import Registry, parse_registry
from devices.registry_file import RegistryError
from devices.registry_memory import Row, registry_entry
from runtime.errors import WrongUse

Overrides = dict[str, list[dict[str, Any]]]


def read_text(path: Path, what: str) -> str:
    """The text of a file. Raises `WrongUse`."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise WrongUse(f"{what} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"{what} {path} is no UTF-8 text (byte {error.start})") from error


def registry_of(path: Path) -> Registry:
    """A registry file that stands alone. Raises `WrongUse` with every mistake and its place."""
    try:
        return parse_registry(read_text(path, "registry"), file=path.name)
    except RegistryError as error:
        raise WrongUse(str(error)) from error


def rules_of(path: Path | None, registry: Registry) -> tuple[dict[str, Rule], Overrides]:
    """The catalogue's rules, and the overrides of a file, by rule. Raises `WrongUse`."""
    rules = load_catalogue()
    if path is None:
        return rules, {}
    given: Overrides = {}
    for n, row in enumerate(_rows(path), 1):
        code = row.get("rule") if isinstance(row, dict) else None
        if code not in rules:
            raise WrongUse(f"{path}: [[override]] {n}: rule: {code!r} is no rule of the catalogue")
        given.setdefault(str(code), []).append(row)
    ids = _scopes(registry_entry(registry, since=0))
    try:
        return rules, {code: _located(rules[code], rows, ids) for code, rows in given.items()}
    except OverrideError as error:
        raise WrongUse(f"{path}: {error}") from error


def _rows(path: Path) -> list[Any]:
    try:
        document = tomllib.loads(read_text(path, "rules"))
    except ValueError as error:
        raise WrongUse(f"{path} is no TOML: {error}") from error
    if extra := set(document) - {"override"}:
        raise WrongUse(f"{path}: unknown table {min(extra)!r}: only [[override]] is known")
    rows = document.get("override", [])
    if not isinstance(rows, list):
        raise WrongUse(f"{path}: overrides are written as [[override]]")
    return rows


def _scopes(upsert: Mapping[str, list[Row]]) -> dict[str, int]:
    """The registry's ids by what a scope calls them."""
    sites = {row["id"]: row["code"] for row in upsert["site"]}
    ids = {f"{kind}:{row['code']}": row["id"] for kind in ("site", "resident") for row in upsert[kind]}
    for kind in ("place", "device"):
        ids |= {f"{kind}:{sites[row['site']]}/{row['code']}": row["id"] for row in upsert[kind]}
    return ids | {"*": 0}


def _located(rule: Rule, rows: list[dict[str, Any]], ids: Mapping[str, int]) -> list[dict[str, Any]]:
    """The overrides as the log has them."""
    parsed = parse_overrides(rule, rows)
    unknown = [o for o in parsed if o.scope not in ids]
    if unknown:
        problems = [
            Problem(index=rows.index(o.document), key="scope", message=f"the registry knows no {o.scope}")
            for o in unknown
        ]
        raise OverrideError(rule.code, problems)
    return [_stored(override, ids[override.scope]) for override in parsed]


def _stored(override: Override, number: int) -> dict[str, Any]:
    stored: dict[str, Any] = {"scope": override.scope, "id": number, "set": override.document.get("set", {})}
    return stored if override.enabled is None else stored | {"enabled": override.enabled}
