"""What registry rows say of each other: everything they refer to exists, and is what it must be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.models import Contact, Device, Place, Resident, Site
from devices.registry_file import Draft, Problem, RegistryError, Row, read_registry

Name = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is registered already: places and devices by (site, code) with their kind, residents with their site."""

    sites: frozenset[str] = frozenset()
    places: Mapping[Name, str] = field(default_factory=dict)
    residents: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[Name, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """The rows of a file, sound by themselves and towards each other."""

    sites: list[Site]
    places: list[Place]
    residents: list[Resident]
    devices: list[Device]
    contacts: list[Contact]


def parse_registry(text: str, *, file: str, known: Known | None = None) -> Registry:
    """Return a file's rows; raises RegistryError with every problem. Without `known` the file stands alone."""
    return checked(read_registry(text, file=file), known or Known())


def checked(draft: Draft, known: Known) -> Registry:
    """Return the draft's rows; raises RegistryError with its problems and those of its references."""
    problems = draft.problems + _Check(draft, known).problems()
    if problems:
        raise RegistryError(problems)
    values: dict[str, list[Any]] = {table: [row.value for row in rows] for table, rows in draft.rows.items()}
    return Registry(
        sites=values["site"],
        places=values["place"],
        residents=values["resident"],
        devices=values["device"],
        contacts=values["contact"],
    )


class _Check:
    def __init__(self, draft: Draft, known: Known) -> None:
        self.draft = draft
        self.found: list[Problem] = []
        rows = draft.rows
        self.sites = known.sites | {row.value.code for row in rows["site"]}
        self.places = dict(known.places) | {(r.value.site, r.value.code): r.value.kind for r in rows["place"]}
        self.residents = dict(known.residents) | {r.value.code: r.value.site for r in rows["resident"]}
        self.devices = dict(known.devices) | {(r.value.site, r.value.code): r.value.kind for r in rows["device"]}

    def problems(self) -> list[Problem]:
        for table in self.draft.rows:
            self._check_doubles(table)
        for table in ("place", "resident", "device"):
            for row in self.draft.rows[table]:
                if row.value.site not in self.sites:
                    self._refer(table, row, "site", ("site", row.value.site))
        for row in self.draft.rows["resident"]:
            self._check_bed(row)
        for row in self.draft.rows["device"]:
            self._check_device(row)
        for row in self.draft.rows["contact"]:
            if row.value.resident not in self.residents:
                self._refer("contact", row, "resident", ("resident", row.value.resident))
        return self.found

    def _check_doubles(self, table: str) -> None:
        first: dict[Name, int] = {}
        for row in self.draft.rows[table]:
            name = _name(table, row.value)
            if name in first:
                self._add(table, row, "id" if table == "contact" else "code", f"the same as row {first[name]}")
            first.setdefault(name, row.index)

    def _check_bed(self, row: Row) -> None:
        resident: Resident = row.value
        if resident.bed is None:
            return
        kind = self.places.get((resident.site, resident.bed))
        if kind is None:
            self._refer("resident", row, "bed", ("place", resident.site, resident.bed))
        elif kind != "bed":
            self._add("resident", row, "bed", f"the place {resident.bed} is a {kind}, not a bed")

    def _check_device(self, row: Row) -> None:
        device: Device = row.value
        if device.place is not None and device.resident is not None:
            self._add("device", row, "resident", "a device stands at a place or with a resident, not both")
        if device.place is not None and (device.site, device.place) not in self.places:
            self._refer("device", row, "place", ("place", device.site, device.place))
        if device.resident is not None:
            self._check_resident_of(row, device.resident)
        if device.gateway is not None:
            self._check_gateway(row, device.gateway)

    def _check_resident_of(self, row: Row, resident: str) -> None:
        site = self.residents.get(resident)
        if site is None:
            self._refer("device", row, "resident", ("resident", resident))
        elif site != row.value.site:
            self._add("device", row, "resident", f"the resident {resident} lives at site {site}")

    def _check_gateway(self, row: Row, gateway: str) -> None:
        kind = self.devices.get((row.value.site, gateway))
        if kind is None:
            self._refer("device", row, "gateway", ("device", row.value.site, gateway))
        elif kind != "gateway":
            self._add("device", row, "gateway", f"the device {gateway} is a {kind}, not a gateway")
        elif gateway == row.value.code:
            self._add("device", row, "gateway", "a gateway is not behind itself")

    def _refer(self, table: str, row: Row, key: str, name: Name) -> None:
        if name in self.draft.broken:
            return
        where = f" at site {name[1]}" if len(name) > 2 else ""  # noqa: PLR2004 -- (table, site, code)
        self._add(table, row, key, f"there is no {name[0]} {name[-1]}{where}")

    def _add(self, table: str, row: Row, key: str, message: str) -> None:
        self.found.append(Problem(file=self.draft.file, table=table, index=row.index, key=key, message=message))


def _name(table: str, value: Any) -> Name:
    if table == "contact":
        return (value.id,)
    return (value.site, value.code) if table in ("place", "device") else (value.code,)
