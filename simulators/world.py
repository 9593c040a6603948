"""Who lives where, with which devices, and the registry file that says so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.models import Contact, Device, Model, Place, Resident, Site, as_document


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    sites: tuple[Site, ...] = ()
    places: tuple[Place, ...] = ()
    residents: tuple[Resident, ...] = ()
    devices: tuple[Device, ...] = ()
    contacts: tuple[Contact, ...] = field(default=())

    def __add__(self, other: "World") -> "World":
        return World(
            sites=self.sites + other.sites,
            places=self.places + other.places,
            residents=self.residents + other.residents,
            devices=self.devices + other.devices,
            contacts=self.contacts + other.contacts,
        )

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
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items() if item) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
