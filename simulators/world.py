"""Who lives where, with which devices, and the registry file that says so."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.models import Contact, Device, Model, Place, Resident, Site, as_document


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    sites: tuple[Site, ...] = ()
    places: tuple[Place, ...] = ()
    residents: tuple[Resident, ...] = ()
    devices: tuple[Device, ...] = ()
    contacts: tuple[Contact, ...] = field(default=())

    @classmethod
    def joined(cls, worlds: Iterable["World"]) -> "World":
        """All of them as one, in their order."""
        every = list(worlds)
        return cls(
            sites=tuple(row for world in every for row in world.sites),
            places=tuple(row for world in every for row in world.places),
            residents=tuple(row for world in every for row in world.residents),
            devices=tuple(row for world in every for row in world.devices),
            contacts=tuple(row for world in every for row in world.contacts),
        )

    def __add__(self, other: "World") -> "World":
        return World.joined((self, other))

    def registry(self) -> str:
        """The world as a registry file, for `registry import`."""
        tables = (
            ("site", self.sites),
            ("place", self.places),
            ("resident", self.residents),
            ("device", self.devices),
            ("contact", self.contacts),
        )
        return "\n".join(line for name, rows in tables for row in rows for line in _table(name, row))


def rules_text(overrides: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Overrides by rule as a file of overrides, for `backtest --rules`."""
    rows = [{"rule": rule, **row} for rule, many in overrides.items() for row in many]
    return "\n".join(f"[[override]]\n{_keys(row)}" for row in rows)


def _keys(row: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in row.items())


def _table(name: str, row: Model) -> Iterator[str]:
    """One row of an array of tables; what is empty is left out, as its default says the same."""
    yield f"[[{name}]]"
    for key, value in as_document(row).items():
        if value not in (None, "", [], {}):
            yield f"{key} = {_value(value)}"
    yield ""


def _value(value: object) -> str:
    """A TOML value; a JSON string, number, boolean or array of those is one too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items() if item) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    """A key with a dot in it would be two."""
    return json.dumps(key) if "." in key else key
