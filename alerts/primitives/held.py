"""`held`: a state lasts for at least a time.

History of a row is its last known end and the beginnings reported since. In order, a beginning while the state holds
is no news. Out of order, an end takes with it the beginnings before it: what was ended in time never fires, whenever
that is told; a beginning before the last known end is over. A report that is late by (`boot`, `seq`) but not by its
time has no time worth the name, and changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alerts.findings import NEVER, NO_SEVERITY, Subject
from alerts.moves import Kind, Move, Run, When
from alerts.registry_view import PLACE_KINDS, SENSORS, RegistryView, Touched
from alerts.rule import HeldState
from alerts.schedule import Schedule
from alerts.table import I64, Bools, Fields, Journal, Rows
from alerts.watch import Located, Terms, Watch
from devices.columns import FLAG_STATELESS, NO_TIME

KEPT_REPEATS = 16  # of a state that is told again and again, the newest beginnings are kept

Begin = tuple[int, int, int]  # time, position, flags


@dataclass(slots=True)
class Batch:
    """Reports of one batch, grouped by row, in the order of the log within each."""

    row: Rows
    at: I64
    begins: Bools
    late: Bools
    events: NDArray[np.void]
    first: Bools  # the first of its row
    between: Bools  # it neither begins nor ends the state; only sequences have such
    last: Rows  # where each row's last report stands


class HeldWatch(Watch):
    """`latest` is the newest report's time, `ended` that of the last known end, `repeated`: `_again` has more."""

    FIELDS: ClassVar[Fields] = {
        "latest": (np.int64, NO_TIME),
        "ended": (np.int64, NO_TIME),
        "repeated": (np.bool_, False),
    }
    latest: I64
    ended: I64
    repeated: Bools

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._again: dict[int, tuple[Begin, ...]] = {}

    @property
    def _state(self) -> HeldState:
        state = self.terms.rule.state
        assert state is not None, "a held rule has a state"  # noqa: S101 -- the catalogue's reader saw to it
        return state

    # ------------------------------------------------------------ subjects
    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Doors with a working sensor are watched from the first; all else once it was told of."""
        moves: list[Move] = []
        changed = {Subject.SITE: touched.sites, Subject.PLACE: touched.places, Subject.DEVICE: touched.devices}
        for kind in (self._state.subject, self.terms.rule.otherwise):
            if kind is None:
                continue
            ids = changed[kind]
            known = ids if self._eager else ids[self.rows_of(kind, ids) >= 0]
            if len(known):
                moves += self.staff(kind, self._wanted(kind, known), self._located(kind, known), when)
        return moves

    @property
    def _eager(self) -> bool:
        return self._state.device == "door_sensor"

    def _located(self, kind: Subject, ids: Rows) -> Located:
        if kind is Subject.SITE:
            return Located(ids, ids, np.zeros_like(ids))
        if kind is Subject.PLACE:
            return Located(ids, self.view.places.site[ids].astype(np.intp), ids)
        devices = self.view.devices
        return Located(ids, devices.site[ids].astype(np.intp), devices.place[ids].astype(np.intp))

    def _wanted(self, kind: Subject, ids: Rows) -> Bools:
        """Which of these are there, and are what the rule asks for."""
        if self._state.device is None:
            wanted: Bools = self.view.devices.present[ids].copy()
        else:
            table = self.view.sites if kind is Subject.SITE else self.view.places
            wanted = table.present[ids] & (table.sensors[ids, SENSORS.index(self._state.device)] > 0)
        if kind is Subject.PLACE and self._eager:
            wanted &= self._doors(ids)
        if self.terms.rule.sites:
            wanted &= self.view.of_kinds(self._located(kind, ids).sites, self.terms.rule.sites)
        return wanted

    def _doors(self, ids: Rows) -> Bools:
        rule, places = self.terms.rule, self.view.places
        doors: Bools = places.kind[ids] == PLACE_KINDS.index("door")
        if rule.roles:
            doors &= np.isin(places.role[ids], self.view.roles(rule.roles))
        if rule.sealed:
            doors &= places.sealed[ids]
        return doors

    def forget(self, rows: Rows) -> None:
        """The state of these subjects is unknown."""
        super().forget(rows)
        self.latest[rows] = self.ended[rows] = NO_TIME
        self._drop_repeats(rows)

    # ------------------------------------------------------------ pass 1
    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1 over events without a control entry between them."""
        batch = self._group(events, late)
        if batch is None:
            return []
        self.touch(batch.row[batch.last])
        odd = self._out_of_order(batch)
        if not odd.any():
            return self._in_order(batch)
        strange = np.isin(batch.row, batch.row[odd])
        moves = self._in_order(_pick(batch, ~strange)) if not strange.all() else []
        return moves + self._one_by_one(_pick(batch, strange))

    def _group(self, events: NDArray[np.void], late: Bools) -> Batch | None:
        state, kind = self._state, events["type"]
        told = (kind == state.begins) | (kind == state.ends)
        where = np.flatnonzero(told & ((events["flags"] & FLAG_STATELESS) == 0))
        devices = events["device"][where].astype(np.intp)
        known = devices < self.view.devices.size
        where, devices = where[known], devices[known]
        if not len(devices):
            return None
        rows = self._rows_of_tellers(devices)
        known = rows >= 0
        known[known] = self.present[rows[known]]
        if not known.any():
            return None
        where, rows = where[known], rows[known]
        order = np.argsort(rows, kind="stable")
        told = events[where[order]]
        return grouped(rows[order], told, late[where[order]], told["type"] == state.begins)

    def _rows_of_tellers(self, devices: Rows) -> Rows:
        """The row that each device speaks for, -1 for none."""
        if self._state.subject is Subject.DEVICE:
            return self._rows_told_of(Subject.DEVICE, devices)
        places = self.view.devices.place[devices].astype(np.intp)
        if self.terms.rule.otherwise is None:
            return self._rows_told_of(Subject.PLACE, places)
        rows, placed = np.full(len(devices), -1, np.intp), places > 0
        rows[placed] = self._rows_told_of(Subject.PLACE, places[placed])
        rows[~placed] = self._rows_told_of(Subject.SITE, self.view.devices.site[devices[~placed]].astype(np.intp))
        return rows

    def _rows_told_of(self, kind: Subject, ids: Rows) -> Rows:
        rows = self.rows_of(kind, ids)
        if self._eager or not (rows < 0).any():
            return rows
        fresh = np.unique(ids[rows < 0])
        fresh = fresh[self._wanted(kind, fresh)]
        if len(fresh):
            self.enlist(kind, *self._located(kind, fresh))
        return self.rows_of(kind, ids)

    def _out_of_order(self, batch: Batch) -> Bools:
        before = np.empty_like(batch.at)
        before[1:] = batch.at[:-1]
        before[batch.first] = self.latest[batch.row[batch.first]]
        return (batch.at < before) | batch.late

    def _in_order(self, batch: Batch) -> list[Move]:
        n = np.arange(len(batch.row))
        held_before = np.empty(len(n), np.bool_)
        held_before[1:] = batch.begins[:-1]
        held_before[batch.first] = self.since[batch.row[batch.first]] != NO_TIME
        began, over = batch.begins & ~held_before, ~batch.begins & held_before
        anchor = np.maximum.accumulate(np.where(began | batch.first, n, 0))  # the run's beginning, or the row's first
        stored = ~began[anchor]
        since = np.where(stored, self.since[batch.row], batch.at[anchor])
        moves = self._ended(batch, np.flatnonzero(over), since, stored, anchor)
        self._store(batch, began, anchor, since)
        return moves

    def _ended(self, batch: Batch, over: Rows, since: I64, stored: Bools, anchor: Rows) -> list[Move]:
        """What the runs that ended in this batch fired before they did."""
        rows = batch.row[over]
        due = np.where(stored[over], self.due[rows], NEVER)
        # By receipt, not by its end: until that was known a watermark may have come.
        long = ~stored[over] & (batch.events["received_at"][over] - since[over] >= self.least(rows))
        due[long] = self.first_due(rows[long], since[over][long])
        moves: list[Move] = []
        for i in np.flatnonzero((due <= batch.at[over]) | (stored[over] & (self.fired[rows] != NO_SEVERITY))):
            k, row = int(over[i]), int(rows[i])
            source = batch.events[anchor[k]]
            run = Run(
                since=int(since[k]), end=int(batch.at[k]),
                origin=int(self.origin[row] if stored[k] else source["position"]),
                flags=int(self.flags[row] if stored[k] else source["flags"]),
            )  # fmt: skip
            moves += self._finish(row, run, int(due[i]), batch.events[k])
        return moves

    def _finish(self, row: int, run: Run, due: int, event: np.void) -> Iterable[Move]:
        over = replace(self.over(row, When(int(event["received_at"]), int(event["position"]))), at=run.end, run=run)
        if due <= run.end:
            yield replace(over, kind=Kind.FIRE, at=due)
        yield over

    def _store(self, batch: Batch, began: Bools, anchor: Rows, since: I64) -> None:
        """Where each row stands after the batch."""
        last, rows = batch.last, batch.row[batch.last]
        ends = np.maximum.accumulate(np.where(~batch.begins, np.arange(len(batch.row)), -1))[last]
        ended = ends >= np.flatnonzero(batch.first)
        self.ended[rows[ended]] = batch.at[ends[ended]]
        self.latest[rows] = batch.at[last]
        holds, fresh = batch.begins[last], began[anchor[last]]
        self._drop_repeats(rows[ended | fresh])
        gone = rows[~holds]
        self.since[gone], self.due[gone] = NO_TIME, NEVER
        new = holds & fresh
        self._begin(rows[new], since[last[new]], batch.events[anchor[last[new]]])
        self._keep_repeats(batch, np.where(began[anchor[last]], anchor[last] + 1, anchor[last]), holds)

    def _begin(self, rows: Rows, since: I64, events: NDArray[np.void]) -> None:
        self.since[rows], self.origin[rows], self.flags[rows] = since, events["position"], events["flags"]
        self.due[rows] = self.first_due(rows, since)

    def _keep_repeats(self, batch: Batch, start: Rows, holds: Bools) -> None:
        """Beginnings told while the state held: they matter only should an end before them come late."""
        more = holds & (start <= batch.last)
        for first, last in zip(start[more], batch.last[more], strict=True):
            row = int(batch.row[last])
            told = [_begin_of(e) for e in batch.events[first : last + 1]]
            self._set_repeats(row, (*self._again.get(row, ()), *told))

    # ------------------------------------------------------------ out of order
    def _one_by_one(self, batch: Batch) -> list[Move]:
        moves: list[Move] = []
        anew: set[int] = set()  # rows whose stored run ended here: what that reached is not theirs any more
        for k in range(len(batch.row)):
            moves += self._one(batch, k, anew, begins=bool(batch.begins[k]))
        return moves

    def _one(self, batch: Batch, k: int, anew: set[int], *, begins: bool) -> list[Move]:
        row, at = int(batch.row[k]), int(batch.at[k])
        if at < self.ended[row] or (batch.late[k] and at >= self.latest[row]):
            return []
        moves: list[Move] = []
        if begins:
            told = sorted([*self._begins(row), _begin_of(batch.events[k])], key=lambda b: b[0])
            self._set_begins(row, told, anew=row in anew)
        elif moves := self._end(row, at, batch.events[k]):
            anew.add(row)
        self.latest[row] = max(self.latest[row], at)
        return moves

    def _end(self, row: int, at: int, event: np.void) -> list[Move]:
        begins = self._begins(row)
        moves: list[Move] = []
        if begins and begins[0][0] <= at:
            run = Run(since=begins[0][0], end=at, origin=begins[0][1], flags=begins[0][2])
            moves += self._finish(row, run, int(self.due[row]), event)
            self.since[row], self.due[row] = NO_TIME, NEVER
        self.ended[row] = at
        self._set_begins(row, [b for b in begins if b[0] > at], anew=True)
        return moves

    def _begins(self, row: int) -> list[Begin]:
        if self.since[row] == NO_TIME:
            return []
        return [(int(self.since[row]), int(self.origin[row]), int(self.flags[row])), *self._again.get(row, ())]

    def _set_begins(self, row: int, begins: Sequence[Begin], *, anew: bool) -> None:
        self._set_repeats(row, tuple(begins[1:]))
        if not begins or self.since[row] == begins[0][0]:
            return
        rows, lasting = np.array([row], np.intp), self.since[row] != NO_TIME
        self.since[row], self.origin[row], self.flags[row] = begins[0]
        self.due[rows] = self.next_due(rows) if lasting and not anew else self.first_due(rows, self.since[rows])

    # ------------------------------------------------------------ repeats
    def _set_repeats(self, row: int, begins: tuple[Begin, ...]) -> None:
        kept = tuple(b for n, b in enumerate(begins) if n == 0 or b[0] > begins[n - 1][0])[-KEPT_REPEATS:]
        self.repeated[row] = bool(kept)
        if kept:
            self.journal.put(self._again, row, kept)
        else:
            self.journal.pop(self._again, row)

    def _drop_repeats(self, rows: Rows) -> None:
        for row in rows[self.repeated[rows]]:
            self._set_repeats(int(row), ())


def _begin_of(event: np.void) -> Begin:
    return int(event["effective_at"]), int(event["position"]), int(event["flags"])


def grouped(rows: Rows, events: NDArray[np.void], late: Bools, begins: Bools, between: Bools | None = None) -> Batch:
    """Reports that are in the order of their rows."""
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    last = np.append(np.flatnonzero(first)[1:], len(rows)) - 1
    return Batch(
        row=rows, at=events["effective_at"].astype(np.int64), begins=begins, late=late,
        events=events, first=first, last=last,
        between=np.zeros(len(rows), np.bool_) if between is None else between,
    )  # fmt: skip


def _pick(batch: Batch, where: Bools) -> Batch:
    """Some rows' reports of a batch; rows stay whole."""
    n = np.cumsum(where) - 1
    last = n[batch.last[where[batch.last]]]
    return Batch(
        row=batch.row[where], at=batch.at[where], begins=batch.begins[where], late=batch.late[where],
        events=batch.events[where], first=batch.first[where], last=last, between=batch.between[where],
    )  # fmt: skip
