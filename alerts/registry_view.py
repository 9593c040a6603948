"""What the engine knows of the registry: columns by registry id, made from `registry` entries alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from alerts.findings import Subject
from alerts.table import I8, I16, I32, I64, Bools, Fields, Journal, Rows, Table
from devices.models import DEFAULT_TIMEZONE, DEVICE_KINDS

ROLE_NAMES = ("", "entrance", "exit", "fire_exit", "bathroom", "room")
PLACE_KINDS = ("door", "room", "bed")
_KIND = {name: n for n, name in enumerate(DEVICE_KINDS)}
_ROLE = {name: n for n, name in enumerate(ROLE_NAMES)}
_PLACE_KIND = {name: n for n, name in enumerate(PLACE_KINDS)}
_NONE = np.empty(0, np.intp)


class Sites(Table):
    """`residents` counts those present in the registry, `resident_sum` adds up their ids: of one, it is the id."""

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "zone": (np.int16, 0),
        "residents": (np.int32, 0),
        "resident_sum": (np.int64, 0),
    }
    present: Bools
    zone: I16
    residents: I32
    resident_sum: I64


class Places(Table):
    """`sensors` counts the door sensors that watch the place."""

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "site": (np.int32, 0),
        "kind": (np.int8, 0),
        "role": (np.int8, 0),
        "sensors": (np.int32, 0),
    }
    present: Bools
    site: I32
    kind: I8
    role: I8
    sensors: I32


class Residents(Table):
    FIELDS: ClassVar[Fields] = {"present": (np.bool_, False), "site": (np.int32, 0)}
    present: Bools
    site: I32


class Devices(Table):
    """`heartbeat` is in microseconds, 0 where none is expected."""

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "site": (np.int32, 0),
        "kind": (np.int8, -1),
        "place": (np.int32, 0),
        "resident": (np.int32, 0),
        "heartbeat": (np.int64, 0),
    }
    present: Bools
    site: I32
    kind: I8
    place: I32
    resident: I32
    heartbeat: I64


@dataclass(slots=True, kw_only=True)
class Touched:
    """The registry ids that an entry changed, or that depend on what it changed."""

    sites: Rows = field(default_factory=lambda: _NONE)
    places: Rows = field(default_factory=lambda: _NONE)
    residents: Rows = field(default_factory=lambda: _NONE)
    devices: Rows = field(default_factory=lambda: _NONE)


class RegistryView:
    """The registry as of a position of the log."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.sites, self.places = Sites(journal), Places(journal)
        self.residents, self.devices = Residents(journal), Devices(journal)
        self.zones = [DEFAULT_TIMEZONE]  # only ever grows: a name keeps its number

    def apply(self, body: Mapping[str, Any]) -> Touched:
        """Take up one entry's `upsert` and `remove`."""
        touched = Touched()
        for kind, take in (
            ("site", self._take_sites),
            ("place", self._take_places),
            ("resident", self._take_residents),
            ("device", self._take_devices),
        ):
            documents = {int(d["id"]): d for d in body.get("upsert", {}).get(kind, [])}
            gone = [int(d["id"]) if isinstance(d, dict) else int(d) for d in body.get("remove", {}).get(kind, [])]
            if documents or gone:
                take(documents, np.array(sorted({*documents, *gone}), np.intp), touched)
        return touched

    def everything(self) -> Touched:
        """All ids, for a rule that is new."""
        return Touched(
            sites=np.flatnonzero(self.sites.present[: self.sites.size]),
            places=np.flatnonzero(self.places.present[: self.places.size]),
            residents=np.flatnonzero(self.residents.present[: self.residents.size]),
            devices=np.flatnonzero(self.devices.present[: self.devices.size]),
        )

    @staticmethod
    def _open(table: Table, ids: Rows) -> None:
        table.ensure(int(ids.max()) + 1)
        table.touch(ids)

    def _take_sites(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.sites, ids)
        known, zones = self.sites.present[ids], self.sites.zone[ids]
        for i in ids:
            document = documents.get(int(i))
            self.sites.present[i] = document is not None
            if document is not None:
                self.sites.zone[i] = self._zone(document.get("timezone") or DEFAULT_TIMEZONE)
        touched.sites = ids
        moved = ids[known & (zones != self.sites.zone[ids])]
        if len(moved):  # another time zone concerns all that is there
            touched.places = np.flatnonzero(np.isin(self.places.site[: self.places.size], moved))
            touched.devices = np.flatnonzero(np.isin(self.devices.site[: self.devices.size], moved))

    def _zone(self, name: str) -> int:
        if name not in self.zones:
            self.zones.append(name)
        return self.zones.index(name)

    def _take_places(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.places, ids)
        places = self.places
        for i in ids:
            document = documents.get(int(i))
            places.present[i] = document is not None
            if document is not None:
                places.site[i] = document["site"]
                places.kind[i] = _PLACE_KIND[document["kind"]]
                places.role[i] = _ROLE[document.get("role") or ""]
        touched.places = np.union1d(touched.places, ids)

    def _take_residents(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.residents, ids)
        residents = self.residents
        self._count_residents(ids, -1)
        for i in ids:
            document = documents.get(int(i))
            residents.present[i] = document is not None
            if document is not None:
                residents.site[i] = document["site"]
        self._count_residents(ids, +1)
        touched.residents = ids

    def _count_residents(self, ids: Rows, sign: int) -> None:
        ids = ids[self.residents.present[ids]]
        if len(ids):
            sites = self.residents.site[ids].astype(np.intp)
            self._open(self.sites, sites)
            np.add.at(self.sites.residents, sites, sign)
            np.add.at(self.sites.resident_sum, sites, sign * ids)

    def _take_devices(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.devices, ids)
        before = self._count_sensors(ids, -1)
        for i in ids:
            self._take_device(int(i), documents.get(int(i)))
        after = self._count_sensors(ids, +1)
        touched.devices = np.union1d(touched.devices, ids)
        touched.places = np.unique(np.concatenate([touched.places, before, after]))

    def _take_device(self, i: int, document: Any) -> None:
        devices = self.devices
        devices.present[i] = document is not None
        if document is not None:
            devices.site[i] = document["site"]
            devices.kind[i] = _KIND[document["kind"]]
            devices.place[i] = document.get("place") or 0
            devices.resident[i] = document.get("resident") or 0
            devices.heartbeat[i] = document.get("heartbeat") or 0

    def _count_sensors(self, ids: Rows, sign: int) -> Rows:
        devices = self.devices
        ids = ids[devices.present[ids] & (devices.kind[ids] == _KIND["door_sensor"]) & (devices.place[ids] > 0)]
        places = devices.place[ids].astype(np.intp)
        if len(places):
            self._open(self.places, places)
            np.add.at(self.places.sensors, places, sign)
        return places

    def kinds(self, names: tuple[str, ...]) -> I8:
        """The numbers of device kinds."""
        return np.array([_KIND[name] for name in names], np.int8)

    def roles(self, names: frozenset[str]) -> I8:
        """The numbers of place roles."""
        return np.array([_ROLE[name] for name in sorted(names)], np.int8)

    def resident_of(self, kind: Subject, subject: int, site: int) -> int:
        """The resident an alert concerns: the subject itself, or the only resident of the site; 0 for none."""
        if kind is Subject.RESIDENT:
            return subject
        if kind is Subject.DEVICE and self.devices.resident[subject]:
            return int(self.devices.resident[subject])
        if site < self.sites.size and self.sites.residents[site] == 1:
            return int(self.sites.resident_sum[site])
        return 0

    def zone_of(self, sites: Rows) -> I16:
        """The number of each site's time zone in `zones`."""
        return self.sites.zone[sites]
