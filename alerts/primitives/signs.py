"""What a sign of life is made of: which sensors work for whom, and whether a meter has risen."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alerts.registry_view import RegistryView
from alerts.table import I16, I32, I64, Bools, Fields, Journal, Rows, Table
from devices.columns import NO_TIME
from devices.models import DEVICE_KINDS
from devices.silence import graces, intervals
from devices.types import EVENT_TYPES

_GATEWAY = DEVICE_KINDS.index("gateway")
STATES = tuple(EVENT_TYPES[name] for name in ("door.opened", "door.closed", "bed.left", "bed.entered"))
METERED = EVENT_TYPES["water.metered"]
F64 = NDArray[np.float64]


class _Count(Table):
    """How many working sensors tell of a site, or of one resident alone, by registry id."""

    FIELDS: ClassVar[Fields] = {"sensors": (np.int32, 0)}
    sensors: I32

    def change(self, ids: Rows, by: int) -> None:
        ids = ids[ids > 0]
        if len(ids):
            self.ensure(int(ids.max()) + 1)
            self.touch(ids)
            np.add.at(self.sensors, ids, by)

    def of(self, ids: I32) -> I32:
        known = ids < self.size
        return np.where(known, self.sensors[np.where(known, ids, 0)], 0).astype(np.int32)


class _Speaks(Table):
    """For whom each device counts: a site or one resident, 0 where for none."""

    FIELDS: ClassVar[Fields] = {"site": (np.int32, 0), "resident": (np.int32, 0)}
    site: I32
    resident: I32


class Sensors:
    """Sensors that count, by the site or the resident of whom they tell."""

    def __init__(self, journal: Journal, view: RegistryView) -> None:
        self._view = view
        self._speaks = _Speaks(journal)
        self._sites, self._residents = _Count(journal), _Count(journal)

    def recount(self, ids: Rows, which: Callable[[Rows], Bools]) -> tuple[Rows, Rows]:
        """These devices, or what is known of them, may have changed; `which` of them count is asked of those alone.

        Returns the sites and residents concerned.
        """
        gateways = ids[self._view.devices.kind[ids] == _GATEWAY]
        ids = np.union1d(ids, [c for d in gateways for c in self._view.children.get(int(d), ())]).astype(np.intp)
        if not len(ids):
            return ids, ids
        speaks, view = self._speaks, self._view
        speaks.ensure(int(ids.max()) + 1)
        speaks.touch(ids)
        counts = which(ids)
        owner = np.where(counts, view.owners(ids), 0)
        site = np.where(counts & (owner == 0), view.devices.site[ids], 0)
        concerned = np.union1d(speaks.site[ids], site), np.union1d(speaks.resident[ids], owner)
        for count, old, new in ((self._sites, speaks.site[ids], site), (self._residents, speaks.resident[ids], owner)):
            count.change(old.astype(np.intp), -1)
            count.change(new.astype(np.intp), +1)
        speaks.site[ids], speaks.resident[ids] = site, owner
        sites, residents = (c[c > 0].astype(np.intp) for c in concerned)
        return sites, residents

    def any(self, sites: I32, residents: I32) -> Bools:
        """Whether any sensor that counts tells of each of these residents, at these sites."""
        seen: Bools = self._sites.of(sites) + self._residents.of(residents) > 0
        return seen

    def graces(self, sites: I32, residents: I32) -> I64:
        """The longest time after a stall of ours for which any of their sensors is given to be heard again."""
        speaks, devices = self._speaks, self._view.devices
        ids = np.flatnonzero((speaks.site[: speaks.size] > 0) | (speaks.resident[: speaks.size] > 0))
        beats = devices.heartbeat[ids]
        patience = graces(intervals(devices.kind[ids], beats, devices.power[ids]), beats)
        of_site = np.zeros(max(self._sites.size, int(sites.max()) + 1), np.int64)
        of_resident = np.zeros(max(self._residents.size, int(residents.max()) + 1), np.int64)
        np.maximum.at(of_site, speaks.site[ids], patience)
        np.maximum.at(of_resident, speaks.resident[ids], patience)
        longest: I64 = np.maximum(of_site[sites], of_resident[residents])
        return longest


class LastSaid(Table):
    """What each door sensor or bed mat said last, by device id; 0 where it has said nothing."""

    FIELDS: ClassVar[Fields] = {"type": (np.int16, 0)}
    type: I16

    def news(self, events: NDArray[np.void], old: Bools) -> Bools:
        """Which events are not what their device said last: a hub that starts again repeats the state of all doors.

        What is no state of a door or bed is news. So is what is `old`, late or told again: others judge that.
        """
        news = np.ones(len(events), np.bool_)
        told = np.flatnonzero(np.isin(events["type"], STATES) & ~old)
        if len(told):
            self.ensure(int(events["device"][told].max()) + 1)
            self.touch(events["device"][told].astype(np.intp))
            told = told[np.argsort(events["device"][told], kind="stable")]
            news[told] = self._changes(events["device"][told].astype(np.intp), events["type"][told].astype(np.int16))
        return news

    def _changes(self, devices: Rows, types: I16) -> Bools:
        first = np.append(True, devices[1:] != devices[:-1])
        before = np.roll(types, 1)
        before[first] = self.type[devices[first]]
        last = np.append(first[1:], True)
        self.type[devices[last]] = types[last]
        changed: Bools = types != before
        return changed


class Meters(Table):
    """The newest reading of each meter, by device id."""

    FIELDS: ClassVar[Fields] = {"reading": (np.float64, np.nan), "read_at": (np.int64, NO_TIME)}
    reading: F64
    read_at: I64

    def risen(self, events: NDArray[np.void]) -> Bools:
        """Which events are signs of use: all but readings that tell no more than the newest before them.

        A meter's first reading counts. One older than the newest, or without a value, tells nothing.
        """
        use = np.ones(len(events), np.bool_)
        metered = np.flatnonzero(events["type"] == METERED)
        if len(metered):
            told = events[metered]
            self.ensure(int(told["device"].max()) + 1)
            self.touch(told["device"].astype(np.intp))
            rows = zip(told["device"].tolist(), told["effective_at"].tolist(), told["value"].tolist(), strict=True)
            use[metered] = [self._read(device, at, value) for device, at, value in rows]
        return use

    def _read(self, device: int, at: int, value: float) -> bool:
        if value != value or at < self.read_at[device]:  # noqa: PLR0124 -- NaN: no value was given
            return False
        before = self.reading[device]
        self.reading[device], self.read_at[device] = value, at
        return not value <= before
