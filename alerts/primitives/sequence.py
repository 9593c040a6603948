"""`sequence`: something happened, and what should follow did not.

The first part begins it for every resident of whom its device tells, the second ends it; between them it is a state
that lasts, so deadlines, steps, and what comes out of order are those of `held`: what followed in time takes back
what was before it, whenever that is told; told again, the first part is no news until the second has come. What the
broker tells again (retained, or redelivered without order) is neither.

A rule whose step is `whole` hears beginnings within its window alone, and its deadline is nothing after it.

A resident is watched while a device is registered that can tell of the second part: without one nothing would ever
end it. Away or in hospital there is no watch, and what was open is over.
"""

import numpy as np
from numpy.typing import NDArray

from alerts.moves import Move, When
from alerts.primitives.held import Batch, HeldWatch, grouped
from alerts.primitives.residents import ResidentsWatch
from alerts.primitives.signs import Sensors
from alerts.registry_view import RegistryView, Touched
from alerts.rule import Part
from alerts.schedule import Schedule
from alerts.table import Bools, Journal, Rows
from alerts.watch import Terms
from devices.columns import FLAG_RETAINED, FLAG_STATELESS

_NO_NEWS = FLAG_RETAINED | FLAG_STATELESS


class SequenceWatch(ResidentsWatch, HeldWatch):
    """`since` is when the first part happened that nothing has followed yet."""

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._sensors = Sensors(journal, view)

    # ------------------------------------------------------------ subjects
    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Residents whom the rule asks for, where a device can tell that it is over."""
        sites, residents = self._sensors.recount(touched.devices, self._can_tell)
        at_sites = self.residents_at(np.union1d(touched.sites, sites))
        ids = np.union1d(np.union1d(touched.residents, residents), at_sites).astype(np.intp)
        if not len(ids):
            return []
        where = self.view.residents.site[ids]
        wanted = self.asked_for(ids) & self._sensors.any(where, ids.astype(np.int32))
        return self.staff_residents(ids, wanted, when)

    def _can_tell(self, devices: Rows) -> Bools:
        """Registered devices of the rule's kinds, where the second part is looked for."""
        view, then = self.view, _part(self.terms.rule.then)
        fit: Bools = view.devices.present[devices] & np.isin(
            view.devices.kind[devices], view.kinds(self.terms.rule.kinds)
        )
        return fit & self._stand(devices, then)

    def _stand(self, devices: Rows, part: Part) -> Bools:
        """Which devices stand where this part is looked for."""
        if not (part.at or part.not_at):
            return np.ones(len(devices), np.bool_)
        places = self.view.devices.place[devices].astype(np.intp)
        known = (places > 0) & (places < self.view.places.size)
        known[known] = self.view.places.present[places[known]]
        role = np.where(known, self.view.places.role[np.where(known, places, 0)], 0)
        named: Bools = np.isin(role, self.view.roles(part.at or part.not_at))
        return named if part.at else ~named

    # ------------------------------------------------------------ pass 1
    def _group(self, events: NDArray[np.void], late: Bools) -> Batch | None:
        first, then = _part(self.terms.rule.first), _part(self.terms.rule.then)
        told = np.isin(events["type"], first.on + then.on) & ((events["flags"] & _NO_NEWS) == 0)
        where = np.flatnonzero(told & (events["device"] < self.view.devices.size))
        devices = events["device"][where].astype(np.intp)
        begins = np.isin(events["type"][where], first.on) & self._stand(devices, first)
        ends = np.isin(events["type"][where], then.on) & self._stand(devices, then)
        heard = begins | ends
        where, devices, begins = where[heard], devices[heard], begins[heard]
        if not len(where):
            return None
        rows, n = self.told_of(devices)
        watched = (rows >= 0) & self.present[rows]
        watched[watched] = self._counts_now(rows[watched], begins[n[watched]], events[where[n[watched]]])
        rows, n = rows[watched], n[watched]
        if not len(rows):
            return None
        order = np.lexsort((n, rows))
        rows, n = rows[order], n[order]
        return grouped(rows, events[where[n]], late[where[n]], begins[n])

    def _counts_now(self, rows: Rows, begins: Bools, events: NDArray[np.void]) -> Bools:
        """All ends, and beginnings unless they lie outside of a window that must hold the whole of it."""
        if not self.terms.rule.lapses:
            return np.ones(len(rows), np.bool_)
        moments = events["effective_at"].astype(np.int64)
        within: Bools = self.schedule.first(self.span[rows, 0], moments) == moments
        return ~begins | within


def _part(part: Part | None) -> Part:
    assert part is not None, "a sequence has two parts"  # noqa: S101 -- the catalogue's reader saw to it
    return part
