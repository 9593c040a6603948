"""What the engine knows of the registry: columns by registry id, made from `registry` entries alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any, ClassVar

import numpy as np

from alerts.findings import Subject
from alerts.rule import FLAGS, POWERS, PRESENCES, SITE_KINDS
from alerts.schedule import Window
from alerts.table import I8, I16, I32, I64, Bools, Fields, Journal, Rows, Table
from devices.models import DEFAULT_TIMEZONE, DEVICE_KINDS

ROLE_NAMES = ("", "entrance", "exit", "fire_exit", "bathroom", "room")
PLACE_KINDS = ("door", "room", "bed")
_KIND = {name: n for n, name in enumerate(DEVICE_KINDS)}
_ROLE = {name: n for n, name in enumerate(ROLE_NAMES)}
_PLACE_KIND = {name: n for n, name in enumerate(PLACE_KINDS)}
_POWER = {name: n for n, name in enumerate(POWERS)}
SENSORS = ("door_sensor", "leak")  # devices that tell of a place, counted by place
_SENSOR = np.array([SENSORS.index(name) if name in SENSORS else -1 for name in DEVICE_KINDS])
NO_HOURS = -1
_NONE = np.empty(0, np.intp)


class Sites(Table):
    """`residents` counts those present in the registry, `resident_sum` adds up their ids: of one, it is the id.

    `presences` counts those of each of PRESENCES, `flags` those of each flag, `sensors` the devices of each of SENSORS
    that stand at no place.
    """

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "kind": (np.int8, 0),
        "zone": (np.int16, 0),
        "residents": (np.int32, 0),
        "presences": (np.int32, 0, len(PRESENCES)),
        "resident_sum": (np.int64, 0),
        "flags": (np.int32, 0, len(FLAGS)),
        "sensors": (np.int32, 0, len(SENSORS)),
    }
    present: Bools
    kind: I8
    zone: I16
    residents: I32
    presences: I32
    resident_sum: I64
    flags: I32
    sensors: I32


class Places(Table):
    """`sensors` counts the devices of each of SENSORS that watch the place; `hours` numbers its schedule.

    `sleepers` counts the residents whose bed it is, `sleeper_sum` adds up their ids: of one, it is the id.
    """

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "site": (np.int32, 0),
        "kind": (np.int8, 0),
        "role": (np.int8, 0),
        "sealed": (np.bool_, False),
        "hours": (np.int32, NO_HOURS),
        "sensors": (np.int32, 0, len(SENSORS)),
        "sleepers": (np.int32, 0),
        "sleeper_sum": (np.int64, 0),
    }
    present: Bools
    site: I32
    kind: I8
    role: I8
    sealed: Bools
    hours: I32
    sensors: I32
    sleepers: I32
    sleeper_sum: I64


class Residents(Table):
    """`presence` indexes PRESENCES; `bed` is a place, 0 for none."""

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "site": (np.int32, 0),
        "bed": (np.int32, 0),
        "presence": (np.int8, 0),
        "flags": (np.bool_, False, len(FLAGS)),
    }
    present: Bools
    site: I32
    bed: I32
    presence: I8
    flags: Bools


class Devices(Table):
    """`heartbeat` is in microseconds, 0 where none is expected; `power` indexes POWERS, -1 where it is not known.

    `down`: it is known not to work. Of one that sends no beats a silence alone does not tell that.
    """

    FIELDS: ClassVar[Fields] = {
        "present": (np.bool_, False),
        "site": (np.int32, 0),
        "kind": (np.int8, -1),
        "place": (np.int32, 0),
        "resident": (np.int32, 0),
        "gateway": (np.int32, 0),
        "power": (np.int8, -1),
        "heartbeat": (np.int64, 0),
        "down": (np.bool_, False),
    }
    present: Bools
    site: I32
    kind: I8
    place: I32
    resident: I32
    gateway: I32
    power: I8
    heartbeat: I64
    down: Bools


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
        # These only ever grow: what has a number keeps it.
        self.zones = [DEFAULT_TIMEZONE]
        self.hours: list[tuple[Window, ...]] = []
        self._hours_numbers: dict[tuple[Window, ...], int] = {}
        self.children: dict[int, tuple[int, ...]] = {}  # of gateways

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
    def _open(table: Sites | Places | Residents | Devices, ids: Rows) -> None:
        table.ensure(int(ids.max()) + 1)
        table.touch(ids)

    def _take_sites(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.sites, ids)
        sites = self.sites
        known, zones, kinds = sites.present[ids], sites.zone[ids], sites.kind[ids]
        for i in ids:
            document = documents.get(int(i))
            sites.present[i] = document is not None
            if document is not None:
                sites.zone[i] = self._zone(document.get("timezone") or DEFAULT_TIMEZONE)
                sites.kind[i] = SITE_KINDS.index(document.get("kind") or SITE_KINDS[0])
        touched.sites = ids
        self._touch_all_of(ids[known & ((zones != sites.zone[ids]) | (kinds != sites.kind[ids]))], touched)

    def _touch_all_of(self, sites: Rows, touched: Touched) -> None:
        """What changed of these sites concerns all that is there."""
        if not len(sites):
            return
        places = np.flatnonzero(np.isin(self.places.site[: self.places.size], sites))
        devices = np.flatnonzero(np.isin(self.devices.site[: self.devices.size], sites))
        touched.sites = np.union1d(touched.sites, sites)
        touched.places = np.union1d(touched.places, places)
        touched.devices = np.union1d(touched.devices, devices)

    def _zone(self, name: str) -> int:
        if name not in self.zones:
            self.zones.append(name)
        return self.zones.index(name)

    def _hours(self, texts: Sequence[str] | None) -> int:
        """The number of a place's open hours; none at all is a schedule too."""
        if texts is None:
            return NO_HOURS
        windows = tuple(_window(text) for text in texts)
        if windows not in self._hours_numbers:
            self._hours_numbers[windows] = len(self.hours)
            self.hours.append(windows)
        return self._hours_numbers[windows]

    def _take_places(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.places, ids)
        places = self.places
        known, roles = places.present[ids], places.role[ids]
        for i in ids:
            document = documents.get(int(i))
            places.present[i] = document is not None
            if document is not None:
                places.site[i] = document["site"]
                places.kind[i] = _PLACE_KIND[document["kind"]]
                places.role[i] = _ROLE[document.get("role") or ""]
                places.sealed[i] = bool(document.get("sealed"))
                places.hours[i] = self._hours(document.get("open_hours"))
        touched.places = np.union1d(touched.places, ids)
        if len(moved := ids[known & (roles != places.role[ids])]):  # what stands there tells of something else
            there = np.flatnonzero(np.isin(self.devices.place[: self.devices.size], moved))
            touched.devices = np.union1d(touched.devices, there)

    def _take_residents(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.residents, ids)
        residents = self.residents
        where = {int(site) for site in residents.site[ids]} | {int(d["site"]) for d in documents.values()}
        sites = np.array(sorted(where), np.intp)
        self._open(self.sites, sites)
        who = self._who_is_there(sites)
        known, beds = residents.present[ids], residents.bed[ids]
        self._count_residents(ids, -1)
        for i in ids:
            document = documents.get(int(i))
            residents.present[i] = document is not None
            if document is not None:
                residents.site[i] = document["site"]
                residents.bed[i] = document.get("bed") or 0
                residents.presence[i] = PRESENCES.index(document.get("presence") or PRESENCES[0])
                residents.flags[i] = [flag in (document.get("flags") or ()) for flag in FLAGS]
        self._count_residents(ids, +1)
        touched.residents = ids
        moved = (known != residents.present[ids]) | (beds != residents.bed[ids])
        self._touch_devices_of(ids[moved], np.union1d(beds[moved], residents.bed[ids][moved]), touched)
        self._touch_all_of(sites[(who != self._who_is_there(sites)).any(axis=1)], touched)

    def _who_is_there(self, sites: Rows) -> Bools:
        """Of which flags and presences there is any resident at each site."""
        there: Bools = np.hstack([self.sites.flags[sites], self.sites.presences[sites]]) > 0
        return there

    def _count_residents(self, ids: Rows, sign: int) -> None:
        ids = ids[self.residents.present[ids]]
        if len(ids):
            sites = self.residents.site[ids].astype(np.intp)
            np.add.at(self.sites.residents, sites, sign)
            np.add.at(self.sites.presences, (sites, self.residents.presence[ids].astype(np.intp)), sign)
            np.add.at(self.sites.resident_sum, sites, sign * ids)
            np.add.at(self.sites.flags, sites, sign * self.residents.flags[ids].astype(np.int32))
            beds = self.residents.bed[ids].astype(np.intp)
            self._open(self.places, beds)
            np.add.at(self.places.sleepers, beds[beds > 0], sign)
            np.add.at(self.places.sleeper_sum, beds[beds > 0], sign * ids[beds > 0])

    def _touch_devices_of(self, residents: Rows, beds: I32, touched: Touched) -> None:
        """For whom these devices speak may have changed."""
        if len(residents):
            size = self.devices.size
            own = np.isin(self.devices.resident[:size], residents)
            near = (self.devices.place[:size] > 0) & np.isin(self.devices.place[:size], beds)
            touched.devices = np.union1d(touched.devices, np.flatnonzero(own | near))

    def _take_devices(self, documents: dict[int, Any], ids: Rows, touched: Touched) -> None:
        self._open(self.devices, ids)
        self._count_sensors(ids, -1, touched)
        for i in ids:
            self._take_device(int(i), documents.get(int(i)))
        self._count_sensors(ids, +1, touched)
        touched.devices = np.union1d(touched.devices, ids)

    def _take_device(self, i: int, document: Any) -> None:
        devices = self.devices
        devices.down[i] = devices.down[i] and document is not None
        devices.present[i] = document is not None
        self._put_behind(i, 0 if document is None else document.get("gateway") or 0)
        if document is not None:
            devices.site[i] = document["site"]
            devices.kind[i] = _KIND[document["kind"]]
            devices.place[i] = document.get("place") or 0
            devices.resident[i] = document.get("resident") or 0
            devices.power[i] = _POWER.get(document.get("power"), -1)
            devices.heartbeat[i] = document.get("heartbeat") or 0

    def _put_behind(self, i: int, gateway: int) -> None:
        """The device reaches us through this gateway from now on."""
        before = int(self.devices.gateway[i])
        if before == gateway:
            return
        self.devices.gateway[i] = gateway
        if before:
            self.journal.put(self.children, before, tuple(d for d in self.children[before] if d != i))
        if gateway:
            self.journal.put(self.children, gateway, (*self.children.get(gateway, ()), i))

    def hear(self, body: Mapping[str, Any]) -> None:
        """A `device` entry: whether it works, as far as that is known."""
        device, devices = int(body["device"]), self.devices
        if device < devices.size and devices.present[device]:
            devices.touch(np.array([device], np.intp))
            known = body["state"] == "offline" or devices.heartbeat[device] > 0
            devices.down[device] = body["state"] != "heard" and (devices.down[device] or known)

    def works(self, ids: Rows) -> Bools:
        """Which devices are registered and not known to be cut off, themselves or with their gateway."""
        devices = self.devices
        gateway = devices.gateway[ids].astype(np.intp)
        gateway[gateway >= devices.size] = 0
        working: Bools = devices.present[ids] & ~devices.down[ids] & ~devices.down[gateway]
        return working

    def owners(self, ids: Rows) -> Rows:
        """The resident of whom alone each device tells: whose it is, or whose bed it stands at; 0: all of the site."""
        own, place = self.devices.resident[ids].astype(np.intp), self.devices.place[ids].astype(np.intp)
        known = own < self.residents.size
        known[known] = self.residents.present[own[known]]
        place[place >= self.places.size] = 0
        bed = np.where(self.places.sleepers[place] == 1, self.places.sleeper_sum[place], 0)
        return np.where(known & (own > 0), own, bed).astype(np.intp)

    def _count_sensors(self, ids: Rows, sign: int, touched: Touched) -> None:
        """Count devices that tell of a place, or of their site where they stand at none."""
        devices = self.devices
        ids = ids[devices.present[ids] & (_SENSOR[devices.kind[ids]] >= 0)]
        kinds, placed = _SENSOR[devices.kind[ids]], devices.place[ids] > 0
        places, sites = devices.place[ids[placed]].astype(np.intp), devices.site[ids[~placed]].astype(np.intp)
        for table, where, told in ((self.places, places, kinds[placed]), (self.sites, sites, kinds[~placed])):
            if len(where):
                self._open(table, where)
                np.add.at(table.sensors, (where, told), sign)
        touched.places, touched.sites = np.union1d(touched.places, places), np.union1d(touched.sites, sites)

    def kinds(self, names: Iterable[str]) -> I8:
        """The numbers of device kinds."""
        return np.array([_KIND[name] for name in names], np.int8)

    def of_kinds(self, sites: Rows | I32, names: Iterable[str]) -> Bools:
        """Which sites are of these kinds."""
        return np.isin(self.sites.kind[sites], [SITE_KINDS.index(name) for name in names])

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

    def flagged(self, flag: str, kind: Subject, subjects: Rows, sites: Rows) -> Bools:
        """Whether the resident, or for other subjects any resident of the site, has a flag."""
        column = FLAGS.index(flag)
        if kind is Subject.RESIDENT:
            own: Bools = self.residents.flags[subjects, column]
            return own
        some: Bools = self.sites.flags[sites, column] > 0
        return some

    def somebody(self, sites: Rows, presences: Iterable[str]) -> Bools:
        """At which sites any resident is of these presences, or none is registered at all."""
        which = [PRESENCES.index(name) for name in presences]
        some: Bools = self.sites.presences[sites][:, which].any(axis=1) | (self.sites.residents[sites] == 0)
        return some

    def zone_of(self, sites: Rows) -> I16:
        """The number of each site's time zone in `zones`."""
        return self.sites.zone[sites]


def _window(text: str) -> Window:
    """`06:00-22:00`; the end of a day is the next one's beginning."""
    start, _, end = text.partition("-")
    return time.fromisoformat(start), time.fromisoformat("00:00" if end == "24:00" else end)
