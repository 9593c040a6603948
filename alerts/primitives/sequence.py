"""`sequence`: something happened, and what should follow did not.

The first part begins it for every resident of whom its device tells, the second ends it; between them it is a state
that lasts, so deadlines, steps, and what comes out of order are those of `held`: what followed in time takes back
what was before it, whenever that is told; told again, the first part is no news until the second has come. What the
broker tells again (retained, or redelivered without order) is neither.

What comes meanwhile, while it lasts, begins it anew: the time runs from there, and what was raised is over.

A rule whose step is `whole` hears beginnings within its window alone, and its deadline is nothing after it.

A resident is watched while a device is registered that can tell of the second part: without one nothing would ever
end it. While none of these works, themselves or their gateway, nothing falls due; once one does, the rule's whole time
is given to it to tell. Away or in hospital there is no watch, and what was open is over.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alerts.findings import NEVER, NO_SEVERITY, Subject
from alerts.moves import Move, When
from alerts.primitives.held import Batch, HeldWatch, grouped
from alerts.primitives.residents import ResidentsWatch
from alerts.primitives.signs import STATES, LastSaid, Sensors
from alerts.registry_view import SENSORS, RegistryView, Touched
from alerts.rule import Part
from alerts.schedule import Schedule
from alerts.table import I8, I16, I64, Bools, Fields, Journal, Rows
from alerts.watch import Located, Terms
from devices.columns import FLAG_RETAINED, FLAG_STATELESS, NO_TIME

NO_NEWS = FLAG_RETAINED | FLAG_STATELESS


class SequenceWatch(ResidentsWatch, HeldWatch):
    """`since` is when the first part happened that nothing has followed yet.

    `blind`: nothing that could tell of the second part works. ONLY_NEWS: what a door sensor or a mat says is heard
    only where it did not say the same before.
    """

    ONLY_NEWS: ClassVar[bool] = False
    FIELDS: ClassVar[Fields] = {"blind": (np.bool_, False)}
    blind: Bools

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._sensors, self._working = Sensors(journal, view), Sensors(journal, view)
        self._said = LastSaid(journal)

    # ------------------------------------------------------------ subjects
    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Residents whom the rule asks for, where a device can tell that it is over."""
        sites, residents = self._sensors.recount(touched.devices, self._can_tell)
        working = self._working.recount(touched.devices, self._can_tell_now)
        at_sites = self.residents_at(np.union1d(touched.sites, sites))
        ids = np.union1d(np.union1d(touched.residents, residents), at_sites).astype(np.intp)
        moves: list[Move] = []
        if len(ids):
            where = self.view.residents.site[ids]
            wanted = self.asked_for(ids) & self._sensors.any(where, ids.astype(np.int32))
            moves = self.staff_residents(ids, wanted, when)
        self._look(np.union1d(self._rows_concerned(*working), self.rows_about(ids)), when.at)
        return moves

    def tell(self, body: dict[str, Any], when: When) -> list[Move]:
        """A `device` entry of the log: what can tell of the second part, or its gateway, may have come or gone."""
        device = int(body["device"])
        if device < self.view.devices.size:
            working = self._working.recount(np.array([device], np.intp), self._can_tell_now)
            self._look(self._rows_concerned(*working), when.at)
        return []

    def _rows_concerned(self, sites: Rows, residents: Rows) -> Rows:
        return np.union1d(self.rows_at(sites), self.rows_about(residents)).astype(np.intp)

    def _look(self, rows: Rows, at: int) -> None:
        """Nothing falls due while nothing that could end it works, nor sooner than the rule's time after that."""
        rows = rows[self.present[rows]]
        if not len(rows):
            return
        self.touch(rows)
        blind = ~self._working.any(self.site[rows], self.subject[rows])
        back, lost = rows[self.blind[rows] & ~blind], rows[~self.blind[rows] & blind]
        self.blind[rows] = blind
        self.due[lost] = NEVER
        n = len(self.terms.rule.steps)
        self.floor[back, :n] = np.maximum(self.floor[back, :n], at + self.after[back, :n])
        self.due[back] = self.next_due(back)

    def first_due(self, rows: Rows, since: I64, fired: I8 | int = NO_SEVERITY) -> I64:
        """None while nothing that could end it works."""
        return np.where(self.blind[rows], NEVER, super().first_due(rows, since, fired))

    def mute_end(self, rows: Rows) -> I64:
        """None while nothing that could end it works."""
        return np.where(self.blind[rows], NEVER, super().mute_end(rows))

    def forget(self, rows: Rows) -> None:
        """Nothing is known of these subjects any more."""
        super().forget(rows)
        self.blind[rows] = False

    def _can_tell(self, devices: Rows) -> Bools:
        """Registered devices of the rule's kinds, where its last part is looked for."""
        view, rule = self.view, self.terms.rule
        fit: Bools = view.devices.present[devices] & np.isin(view.devices.kind[devices], view.kinds(rule.kinds))
        there = np.zeros(len(devices), np.bool_)
        for part in rule.then or rule.first:
            there |= self._stand(devices, part)
        return fit & there

    def _can_tell_now(self, devices: Rows) -> Bools:
        """Those of them that work."""
        return self._can_tell(devices) & self.view.works(devices)

    def _stand(self, devices: Rows, part: Part) -> Bools:
        """Which devices stand where this part is looked for."""
        view, there = self.view, np.ones(len(devices), np.bool_)
        if part.sites:
            there &= view.of_kinds(view.devices.site[devices], part.sites)
        if part.at or part.not_at:
            places = view.devices.place[devices].astype(np.intp)
            known = (places > 0) & (places < view.places.size)
            known[known] = view.places.present[places[known]]
            role = np.where(known, view.places.role[np.where(known, places, 0)], 0)
            there &= np.isin(role, view.roles(part.at or part.not_at)) == bool(part.at)
        return there

    # ------------------------------------------------------------ pass 1
    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1 over events without a control entry between them."""
        rule = self.terms.rule
        types = tuple(kind for part in (*rule.first, *rule.then, *rule.meanwhile) for kind in part.on)
        told = np.isin(events["type"], types + STATES if self.ONLY_NEWS else types)
        events, late = events[told], late[told]
        if self.ONLY_NEWS and len(events):
            news = self._said.news(events, late | ((events["flags"] & NO_NEWS) != 0))
            events, late = events[news], late[news]
        return self.take_in(events, late) if len(events) else []

    def take_in(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """The same, of what is heard."""
        return super().feed(events, late)

    def _group(self, events: NDArray[np.void], late: Bools) -> Batch | None:
        rule = self.terms.rule
        where = np.flatnonzero(((events["flags"] & NO_NEWS) == 0) & (events["device"] < self.view.devices.size))
        types, devices = events["type"][where], events["device"][where].astype(np.intp)
        begins, ends, between = (self._are(types, devices, p) for p in (rule.first, rule.then, rule.meanwhile))
        heard = begins | ends | between
        where, devices, begins, between = where[heard], devices[heard], begins[heard], (between & ~ends)[heard]
        rows, n = self._rows_told(devices, begins)
        watched = (rows >= 0) & self.present[rows]
        if rule.lapses:
            watched[watched] = ~begins[n[watched]] | self._within(rows[watched], events[where[n[watched]]])
        rows, n = rows[watched], n[watched]
        if not len(rows):
            return None
        order = np.lexsort((n, rows))
        rows, n = rows[order], n[order]
        return grouped(rows, events[where[n]], late[where[n]], begins[n], between[n] | (begins[n] & rule.each))

    def _rows_told(self, devices: Rows, begins: Bools) -> tuple[Rows, Rows]:  # noqa: ARG002 -- doors need to know
        """The rows of which these devices tell, and by which of them; `begins` which of it would begin something."""
        return self.told_of(devices)

    def _are(self, types: I16, devices: Rows, parts: tuple[Part, ...]) -> Bools:
        """Which events, by type and device, are one of these parts."""
        found = np.zeros(len(types), np.bool_)
        for part in parts:
            which = np.flatnonzero(np.isin(types, part.on))
            found[which] |= self._stand(devices[which], part)
        return found

    def _within(self, rows: Rows, events: NDArray[np.void]) -> Bools:
        """Which events are at a time at which it may begin for these rows: in the window that holds the whole of it."""
        if not self.terms.rule.lapses:
            return np.ones(len(rows), np.bool_)
        moments = events["effective_at"].astype(np.int64)
        within: Bools = self.schedule.first(self.span[rows, 0], moments) == moments
        return within

    def _in_order(self, batch: Batch) -> list[Move]:
        expanded = self._expanded(batch) if batch.between.any() else batch
        return super()._in_order(expanded) if len(expanded.row) else []

    def _expanded(self, batch: Batch) -> Batch:
        """What puts it off, while it lasts, as its end and a new beginning; outside of the window as an end alone."""
        n = np.arange(len(batch.row))
        first = np.maximum.accumulate(np.where(batch.first, n, 0))
        before = np.maximum.accumulate(np.where(batch.between & ~batch.begins, -1, n))
        before = np.append(-1, before[:-1])  # the last beginning or end before each
        lasts = np.where(before >= first, batch.begins[before], self.since[batch.row] != NO_TIME)
        again = batch.begins | (lasts & batch.between & self._within(batch.row, batch.events))
        parts = np.where(batch.between, lasts.astype(np.intp) + again, 1)
        which = np.repeat(n, parts)
        begins = batch.begins[which] & ~batch.between[which]
        begins[(np.cumsum(parts) - 1)[batch.between & again]] = True
        return grouped(batch.row[which], batch.events[which], batch.late[which], begins)

    def _one(self, batch: Batch, k: int, anew: set[int], *, begins: bool) -> list[Move]:
        if not batch.between[k]:
            return super()._one(batch, k, anew, begins=begins)
        row = batch.row[k : k + 1]
        since = int(self.since[row[0]])
        lasts = since != NO_TIME and since <= batch.at[k]
        moves = super()._one(batch, k, anew, begins=False) if lasts else []
        if begins or (lasts and self._within(row, batch.events[k : k + 1])[0]):
            moves += super()._one(batch, k, anew, begins=True)
        return moves


class DoorSequenceWatch(SequenceWatch):
    """The same about doors: their own sensor tells the first part, any device of the site the others."""

    ONLY_NEWS: ClassVar[bool] = True

    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Doors with a sensor, where somebody is of the presence that the rule names."""
        ids, places, rule = touched.places, self.view.places, self.terms.rule
        if not len(ids):
            return []
        sites = places.site[ids].astype(np.intp)
        wanted = places.present[ids] & (places.sensors[ids, SENSORS.index("door_sensor")] > 0) & self._doors(ids)
        wanted &= self.view.somebody(sites, rule.presence)
        if rule.sites:
            wanted &= self.view.of_kinds(sites, rule.sites)
        moves = self.staff(Subject.PLACE, wanted, Located(ids, sites, ids), when)
        self.unsorted()
        return moves

    def tell(self, body: dict[str, Any], when: When) -> list[Move]:  # noqa: ARG002 -- no device is asked to end it
        """An opening is one, whatever works."""
        return []

    def _rows_told(self, devices: Rows, begins: Bools) -> tuple[Rows, Rows]:
        own, others = np.flatnonzero(begins), np.flatnonzero(~begins)
        doors = self.rows_of(Subject.PLACE, self.view.devices.place[devices[own]].astype(np.intp))
        rows, n = self.rows_of_sites(self.view.devices.site[devices[others]].astype(np.intp))
        return np.concatenate([doors, rows]), np.concatenate([own, others[n]])
