"""`silent` about a resident: no sign of life for at least a time.

Signs are what the rule's sensors tell: of a device that is the resident's own or stands at his bed, of him alone; of
any other, of all residents of its site. They count at their effective time, and only the newest matters: one that
comes late shortens a silence if it is newer than the last known sign, and otherwise changes nothing. A deadline that
fell before the sign that ends it fires before it, so a backlog is judged by its own times, in the order in which it
comes. Told again by the broker (retained, or redelivered without order) is no sign; nor is a reading of a water meter
that has not risen.

The count begins with the watch: when the resident is registered, comes home, or the rule appears. Away or in hospital
there is no watch, and what was open is over. It stands still while no sensor of the rule's kinds works, that is: all
are removed, reported offline, or missed three of their beats, themselves or their gateway. Of a sensor without beats
a silence says nothing: it may be the very silence that is looked for.

What fell due while nobody listened is raised with its true due time, once the backlog is judged: the broker keeps
signs of life. Only a step that is no longer than the stall itself, which the stall alone may explain, waits three
heartbeat intervals of the home's sensors after it; no timer is restarted.
"""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.findings import NEVER, NO_SEVERITY, Subject
from alerts.moves import Kind, Move, Run, When
from alerts.primitives.residents import ResidentsWatch
from alerts.primitives.signs import Meters, Sensors
from alerts.registry_view import RegistryView, Touched
from alerts.schedule import Schedule
from alerts.table import I8, I64, Bools, Fields, Journal, Rows
from alerts.watch import Terms
from devices.columns import FLAG_RETAINED, FLAG_STATELESS, NO_TIME


class _Signs(NamedTuple):
    """Signs of one batch, grouped by row, in the order of the log within each."""

    row: Rows
    event: Rows  # its index in the batch
    at: I64
    before: I64  # the sign before it, of its row
    first: Bools  # the first of its row

    def where(self, chosen: Bools) -> "_Signs":
        """Some rows' signs; rows stay whole."""
        row, event, at, before, first = self
        return _Signs(row[chosen], event[chosen], at[chosen], before[chosen], first[chosen])


class InactiveWatch(ResidentsWatch):
    """`since` is the newest sign of life, or when the count began; `blind` since when no sensor works."""

    FIELDS: ClassVar[Fields] = {"blind": (np.int64, NO_TIME)}
    blind: I64

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._sensors = Sensors(journal, view)
        self._meters = Meters(journal)

    # ------------------------------------------------------------ subjects
    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Residents of the sites and of the presence that the rule names."""
        sites, residents = self._sensors.recount(touched.devices, self._counts)
        ids = np.union1d(touched.residents, self.residents_at(touched.sites))
        moves = self._staff(ids, when) if len(ids) else []
        self._look(np.union1d(self.rows_at(sites), self.rows_about(np.union1d(residents, ids))), when.at)
        return moves

    def _staff(self, ids: Rows, when: When) -> list[Move]:
        wanted = self.asked_for(ids)
        rows = self.rows_of(Subject.RESIDENT, ids)
        watched = (rows >= 0) & self.present[rows]
        moves = self.staff_residents(ids, wanted, when)
        self._begin(self.rows_of(Subject.RESIDENT, ids[wanted & ~watched]), when.at)
        return moves

    def _counts(self, devices: Rows) -> Bools:
        """Sensors of the rule's kinds that work."""
        view = self.view
        counting: Bools = view.works(devices) & np.isin(view.devices.kind[devices], view.kinds(self.terms.rule.kinds))
        return counting

    def _begin(self, rows: Rows, at: int) -> None:
        """The count starts here."""
        self.touch(rows)
        self.since[rows], self.blind[rows] = at, NO_TIME
        self.origin[rows] = self.flags[rows] = 0
        self.due[rows] = self.first_due(rows, self.since[rows])

    def forget(self, rows: Rows) -> None:
        """Nothing is known of these residents any more."""
        super().forget(rows)
        self.blind[rows] = NO_TIME

    # ------------------------------------------------------------ sensors
    def tell(self, body: dict[str, Any], when: When) -> list[Move]:
        """A `device` entry of the log: a sensor, or those behind a gateway, may have come or gone."""
        device = int(body["device"])
        if device >= self.view.devices.size:
            return []
        sites, residents = self._sensors.recount(np.array([device], np.intp), self._counts)
        self._look(np.union1d(self.rows_at(sites), self.rows_about(residents)), when.at)
        return []

    def _look(self, rows: Rows, at: int) -> None:
        """The count stands still where no sensor works, and goes on from there when one does."""
        rows = rows[self.present[rows]]
        if not len(rows):
            return
        self.touch(rows)
        seen = self._sensors.any(self.site[rows], self.subject[rows])
        blind = self.blind[rows] != NO_TIME
        lost, back = rows[~seen & ~blind], rows[seen & blind]
        self.blind[lost], self.due[lost] = at, NEVER
        self.since[back] += np.maximum(at - np.maximum(self.blind[back], self.since[back]), 0)
        self.blind[back] = NO_TIME
        self.due[back] = self.next_due(back)

    def first_due(self, rows: Rows, since: I64, fired: I8 | int = NO_SEVERITY) -> I64:
        """None while no sensor works."""
        return np.where(self.blind[rows] == NO_TIME, super().first_due(rows, since, fired), NEVER)

    def mute_end(self, rows: Rows) -> I64:
        """None while no sensor works."""
        return np.where(self.blind[rows] == NO_TIME, super().mute_end(rows), NEVER)

    def stalled(self, start: int, end: int) -> None:
        """Between these moments nobody listened: steps that this alone may explain wait a little longer."""
        size, n = self.size, len(self.terms.rule.steps)
        explained = (self.grade[:size, :n] != NO_SEVERITY) & (self.after[:size, :n] <= end - start)
        rows = np.flatnonzero(explained.any(axis=1) & (self.due[:size] > start) & (self.due[:size] < NEVER))
        if len(rows):
            self.touch(rows)
            until = end + self._sensors.graces(self.site[rows], self.subject[rows])
            floor = self.floor[rows, :n]
            self.floor[rows, :n] = np.where(explained[rows], np.maximum(floor, until[:, None]), floor)
            self.due[rows] = self.next_due(rows)

    # ------------------------------------------------------------ pass 1
    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1: the silences that signs of life end; most end before anything was due, and are noted by columns."""
        told = np.isin(events["type"], self.terms.rule.on) & ~late & (events["device"] < self.view.devices.size)
        where = np.flatnonzero(told & ((events["flags"] & (FLAG_RETAINED | FLAG_STATELESS)) == 0))
        where = where[self._meters.risen(events[where])] if len(where) else where
        signs = self._signs(where, events)
        if not len(signs.row):
            return []
        self.touch(signs.row[signs.first])
        strange = np.isin(signs.row, signs.row[signs.at < signs.before])
        moves = self._in_order(signs.where(~strange), events)
        for row, n in zip(signs.row[strange], signs.event[strange], strict=True):
            moves += self._one(int(row), events[n], moves)
        return moves

    def _signs(self, where: Rows, events: NDArray[np.void]) -> _Signs:
        rows, n = self.told_of(events["device"][where].astype(np.intp))
        watched = (rows >= 0) & self.present[rows]
        rows, which = rows[watched], where[n[watched]]
        order = np.lexsort((which, rows))
        rows, which = rows[order], which[order]
        at = events["effective_at"][which].astype(np.int64)
        before = np.where(_firsts(rows), self.since[rows], np.roll(at, 1))
        news = at != before  # a second sign of the same moment says no more
        return _Signs(rows[news], which[news], at[news], before[news], _firsts(rows[news]))

    def _in_order(self, signs: _Signs, events: NDArray[np.void]) -> list[Move]:
        rows = signs.row
        if not len(rows):
            return []
        received = events["received_at"][signs.event]
        due = np.where(signs.first, self.due[rows], NEVER)
        long = np.flatnonzero(~signs.first & (received - signs.before >= self.least(rows)))
        due[long] = self.first_due(rows[long], signs.before[long])
        open_ = signs.first & (self.fired[rows] != NO_SEVERITY) & (signs.at > signs.before)
        moves: list[Move] = []
        for i in np.flatnonzero((due <= signs.at) | open_):
            origin = self.origin[rows[i]] if signs.first[i] else events["position"][signs.event[i - 1]]
            run = Run(since=int(signs.before[i]), end=int(signs.at[i]), origin=int(origin), flags=0)
            moves += self._ended(int(rows[i]), run, int(due[i]), events[signs.event[i]])
        last = np.flatnonzero(np.append(signs.first[1:], True))
        self._note(rows[last], signs.at[last], events["position"][signs.event[last]])
        return moves

    def _one(self, row: int, event: np.void, moves: list[Move]) -> list[Move]:
        """A sign of a row whose signs are out of order."""
        at, since = int(event["effective_at"]), int(self.since[row])
        if at <= since:
            return []
        due, rows = int(self.due[row]), np.array([row], np.intp)
        run = Run(since=since, end=at, origin=int(self.origin[row]), flags=0)
        # What the stored silence reached is over already where an earlier sign of this batch ended it.
        lasting = self.fired[row] != NO_SEVERITY and not any(m.row == row for m in moves)
        found = self._ended(row, run, due, event) if due <= at or lasting else []
        self._note(rows, np.array([at], np.int64), np.array([event["position"]], np.int64))
        return found

    def _ended(self, row: int, run: Run, due: int, event: np.void) -> list[Move]:
        when = When(int(event["received_at"]), int(event["position"]))
        over = self.over(row, when, at=run.end, run=run)
        fire = [self.over(row, when, kind=Kind.FIRE, at=due, run=run)] if due <= run.end else []
        return [*fire, over]

    def _note(self, rows: Rows, at: I64, position: I64) -> None:
        self.since[rows], self.origin[rows] = at, position
        self.due[rows] = self.first_due(rows, at)


def _firsts(rows: Rows) -> Bools:
    """Which is the first of its row, where they are grouped by it."""
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    return first
