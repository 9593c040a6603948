"""The watch of one rule: a row a subject, what it needs of its parameters, and what it last found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.findings import NEVER, NO_SEVERITY, Subject
from alerts.moves import Kind, Move, Run, When
from alerts.overrides import Override
from alerts.registry_view import NO_HOURS, RegistryView, Touched
from alerts.rule import MAX_STEPS, POWERS, SITE_KINDS, STEPS, Case, Rule
from alerts.schedule import ALWAYS, Schedule, Window
from alerts.table import I8, I16, I32, I64, Bools, Fields, Journal, Rows, Table
from devices.columns import NO_TIME


class _Index(Table):
    """From a registry id to the row of its subject."""

    FIELDS: ClassVar[Fields] = {"row": (np.int32, -1)}
    row: I32


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A rule as it stands: its catalogue definition, version and overrides."""

    rule: Rule
    version: int
    overrides: Sequence[Override]


class Located(NamedTuple):
    """Subjects, and where they are; all registry ids."""

    ids: Rows
    sites: Rows
    places: Rows


class Watch(Table):
    """Rows of subjects under one rule. Times are microseconds.

    `since` is when the condition began (NO_TIME: it does not hold), `due` when the next deadline falls,
    `fired` the worst severity that this condition has reached, `active` whether an alert said so.
    `alert` and `severity` are those of the open alert, `muted` what a person closed while it was active, `held` whether
    a person has claimed it, `parent` the alert that explains it while it is inhibited (0: none).
    `earliest` is the first deadline reckoned since it was last set to NEVER; nobody's state, it tells who feeds events
    in bulk whether a watermark among them would have fired anything.
    Step k fires from `floor` or `since + after` on, whichever is later, within window `span`; a `whole` one never
    after the window in which `since` lies.
    """

    TRANSIENT: ClassVar = frozenset({"earliest"})
    FIELDS: ClassVar[Fields] = {
        "kind": (np.int8, 0), "subject": (np.int32, 0), "site": (np.int32, 0), "place": (np.int32, 0),
        "present": (np.bool_, False), "enabled": (np.bool_, True),
        "since": (np.int64, NO_TIME), "due": (np.int64, NEVER), "fired": (np.int8, NO_SEVERITY),
        "origin": (np.int64, 0), "flags": (np.int16, 0),
        "alert": (np.int64, 0), "severity": (np.int8, NO_SEVERITY), "active": (np.bool_, False),
        "muted": (np.int8, NO_SEVERITY), "mute_due": (np.int64, NEVER),
        "parent": (np.int64, 0), "held": (np.bool_, False),
        "used_since": (np.int64, NO_TIME), "used_due": (np.int64, NO_TIME),
        "after": (np.int64, 0, MAX_STEPS), "grade": (np.int8, NO_SEVERITY, MAX_STEPS),
        "span": (np.int32, ALWAYS, MAX_STEPS), "floor": (np.int64, NO_TIME, MAX_STEPS),
    }  # fmt: skip
    kind: I8
    subject: I32
    site: I32
    place: I32
    present: Bools
    enabled: Bools
    since: I64
    due: I64
    fired: I8
    origin: I64
    flags: I16
    alert: I64
    severity: I8
    active: Bools
    muted: I8
    mute_due: I64
    parent: I64
    held: Bools
    used_since: I64
    used_due: I64
    after: I64
    grade: I8
    span: I32
    floor: I64

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal)
        self.view, self.schedule, self.terms = view, schedule, terms
        self.earliest = NEVER
        self._index = {kind: _Index(journal) for kind in Subject}

    @property
    def ends_alone(self) -> bool:
        """Whether its condition is over in time, so that what was closed while it held need not come again."""
        return self.terms.rule.lapses

    # ------------------------------------------------------------ subjects
    def rows_of(self, kind: Subject, ids: Rows) -> Rows:
        """The row of each subject, -1 where there is none yet."""
        index = self._index[kind]
        known = ids < index.size
        rows = np.full(len(ids), -1, np.intp)
        rows[known] = index.row[ids[known]]
        return rows

    def row_of(self, kind: int, subject: int) -> int:
        """The same for one subject."""
        index = self._index[Subject(kind)]
        return int(index.row[subject]) if subject < index.size else -1

    def enlist(self, kind: Subject, ids: Rows, sites: Rows, places: Rows | None = None) -> Rows:
        """Rows for subjects that have none, in the order given, with the parameters in force."""
        rows = self.add(len(ids))
        self.touch(rows)
        index = self._index[kind]
        index.ensure(int(ids.max()) + 1)
        index.touch(ids)
        index.row[ids] = rows
        self.kind[rows], self.subject[rows], self.present[rows] = kind, ids, True
        self.place_at(rows, sites, places)
        return rows

    def place_at(self, rows: Rows, sites: Rows, places: Rows | None = None) -> None:
        """Where the subjects are now; their parameters follow."""
        self.site[rows] = sites
        self.place[rows] = 0 if places is None else places
        self.fit(rows)

    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1 over events without a control entry between them; `late` by their device's own counter."""
        raise NotImplementedError

    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Take up changes of the registry; returns what ends with a subject's watch."""
        raise NotImplementedError

    def staff(self, kind: Subject, wanted: Bools, where: Located, when: When) -> list[Move]:
        """Watch the wanted subjects, and no longer the others."""
        ids, sites, places = where.ids, where.sites, where.places
        rows = self.rows_of(kind, ids)
        fresh = wanted & (rows < 0)
        if fresh.any():
            self.enlist(kind, ids[fresh], sites[fresh], places[fresh])
        kept = wanted & (rows >= 0)
        if kept.any():
            self._keep(rows[kept], sites[kept], places[kept], when)
        leaving = rows[~wanted & (rows >= 0)]
        return self.retire(leaving[self.present[leaving]], when)

    def _keep(self, rows: Rows, sites: Rows, places: Rows, when: When) -> None:
        self.touch(rows)
        self.present[rows] = True
        self.site[rows], self.place[rows] = sites, places
        self.refit(rows, when.at)

    def retire(self, rows: Rows, when: When) -> list[Move]:
        """End the watch of subjects: deadlines vanish, conditions clear."""
        self.touch(rows)
        moves = [self.over(int(row), when) for row in rows[self.lasting(rows)]]
        self.present[rows] = False
        self.forget(rows)
        return moves

    def lasting(self, rows: Rows) -> Bools:
        """For which of them the condition holds and has reached something."""
        reached: Bools = self.fired[rows] != NO_SEVERITY
        return reached

    def forget(self, rows: Rows) -> None:
        """Nothing is known of these subjects any more."""
        self.since[rows] = NO_TIME
        self.due[rows] = NEVER

    # ------------------------------------------------------------ parameters
    def fit(self, rows: Rows) -> Bools:
        """Set parameters from definition and overrides; returns which steps of which rows changed."""
        before = (self.after[rows], self.grade[rows], self.span[rows], self.enabled[rows])
        self._set_default(rows)
        for case in self.terms.rule.cases:
            self._lay(rows[self._asked_for(rows, case)], case.values)
        for override in self.terms.overrides:
            mine = rows[self._matching(rows, override)]
            self._lay(mine, override.values)
            if override.enabled is not None:
                self.enabled[mine] = override.enabled
        self._keep_hours(rows)
        changed: Bools = (before[0] != self.after[rows]) | (before[1] != self.grade[rows])
        changed |= (before[2] != self.span[rows]) | (before[3] != self.enabled[rows])[:, None]
        return changed

    def _set_default(self, rows: Rows) -> None:
        self.enabled[rows] = True
        self.after[rows], self.grade[rows], self.span[rows] = 0, NO_SEVERITY, ALWAYS
        for k, step in enumerate(self.terms.rule.steps):
            self.after[rows, k] = step.after
            self.grade[rows, k] = step.severity
        for step in self.terms.rule.steps:
            if step.between is not None:
                self._frame(rows, step.between)
                break

    def _frame(self, rows: Rows, between: Window) -> None:
        """Give the steps their windows, in each site's own time."""
        for zone, mine in self._by_zone(rows):
            for k, step in enumerate(self.terms.rule.steps):
                if step.between is not None:
                    self.span[mine, k] = self.schedule.span(zone, *between, outside=step.outside)

    def _by_zone(self, rows: Rows) -> Iterable[tuple[str, Rows]]:
        zones = self.view.zone_of(self.site[rows].astype(np.intp))
        for zone in np.unique(zones):
            yield self.view.zones[zone], rows[zones == zone]

    def _keep_hours(self, rows: Rows) -> None:
        """A step of the hours in which a place is shut is there only where the place has hours."""
        for k in (k for k, step in enumerate(self.terms.rule.steps) if step.off_hours):
            hours = self.view.places.hours[self.place[rows]]
            self.grade[rows[hours == NO_HOURS], k] = NO_SEVERITY
            for number in np.unique(hours[hours != NO_HOURS]):
                for zone, mine in self._by_zone(rows[hours == number]):
                    self.span[mine, k] = self.schedule.off_hours(zone, self.view.hours[number])

    def _asked_for(self, rows: Rows, case: Case) -> Bools:
        """Which rows a case of the rule is about."""
        sites, view = self.site[rows].astype(np.intp), self.view
        asked = np.ones(len(rows), np.bool_)
        if case.site is not None:
            asked &= view.sites.kind[sites] == SITE_KINDS.index(case.site)
        if case.power is not None:
            asked &= view.devices.power[self.subject[rows]] == POWERS.index(case.power)
        if case.flag is not None:
            asked &= view.flagged(case.flag, self.terms.rule.subject, self.subject[rows].astype(np.intp), sites)
        return asked

    def _matching(self, rows: Rows, override: Override) -> Bools:
        if override.layer == "all":
            return np.ones(len(rows), np.bool_)
        if override.layer in {"site", "place"}:
            where: Bools = (self.site if override.layer == "site" else self.place)[rows] == override.id
            return where
        kind = Subject.RESIDENT if override.layer == "resident" else Subject.DEVICE
        named: Bools = (self.kind[rows] == kind) & (self.subject[rows] == override.id)
        return named

    def _lay(self, rows: Rows, values: Mapping[str, Any]) -> None:
        if not values or not len(rows):
            return
        for k, given in enumerate(self._further(values), 1):
            self.after[rows, k], self.grade[rows, k] = given
        for k, step in enumerate(self.terms.rule.steps):
            for setting, column in (("after", self.after), ("severity", self.grade)):
                if step.named(setting) in values:
                    column[rows, k] = values[step.named(setting)]
            if step.between is not None and not step.outside and step.named("between") in values:
                self._frame(rows, values[step.named("between")])

    @staticmethod
    def _further(values: Mapping[str, Any]) -> Sequence[tuple[int, int]]:
        """All further steps, where a list of them is set: those that it leaves out are not there."""
        if STEPS not in values:
            return ()
        absent = [(0, NO_SEVERITY)] * (MAX_STEPS - 1 - len(values[STEPS]))
        return [*values[STEPS], *absent]

    def refit(self, rows: Rows, at: int) -> None:
        """Parameters may have changed: deadlines of what already lasts are judged anew, not before `at`."""
        self.touch(rows)
        changed = self.fit(rows)
        self.floor[rows] = np.where(changed, at, self.floor[rows])
        moved = rows[changed.any(axis=1)]
        self.due[moved] = self.next_due(moved)

    def adopt_terms(self, terms: Terms, when: When) -> list[Move]:
        """A new version of the rule is in force; returns what ends where it is switched off."""
        old = self.terms
        self.journal.note(lambda: setattr(self, "terms", old))
        self.terms = terms
        rows = np.arange(self.size, dtype=np.intp)
        self.refit(rows, when.at)
        off = rows[~self.enabled[: self.size] & self.lasting(rows)]
        return [self.over(int(row), when) for row in off]

    # ------------------------------------------------------------ deadlines
    def reach(self, rows: Rows, since: I64) -> I64:
        """When each step of each row falls due, NEVER for steps that are not there."""
        n = len(self.terms.rule.steps)
        moments: I64 = np.maximum(self.floor[rows, :n], since[:, None] + self.after[rows, :n])
        for k, step in enumerate(self.terms.rule.steps):
            moments[:, k] = self.schedule.first(self.span[rows, k], moments[:, k])
            if step.whole:
                moments[moments[:, k] >= self.schedule.ends(self.span[rows, k], since), k] = NEVER
        return moments

    def steps_of(self, row: int, since: int) -> list[tuple[int, int]]:
        """When each step of one row falls due, and how severe it is; the same as `reach`, for the few."""
        if self.terms.rule.lapses:
            due = self.reach(np.array([row], np.intp), np.array([since], np.int64))[0]
            return list(zip(due.tolist(), self.grade[row, : len(due)].tolist(), strict=True))
        steps = []
        for k in range(len(self.terms.rule.steps)):
            moment = max(int(self.floor[row, k]), since + int(self.after[row, k]))
            steps.append((self.schedule.first_one(int(self.span[row, k]), moment), int(self.grade[row, k])))
        return steps

    def least(self, rows: Rows) -> I64:
        """The shortest time after which any step of each row may fire."""
        n = len(self.terms.rule.steps)
        least: I64 = np.where(self.grade[rows, :n] == NO_SEVERITY, NEVER, self.after[rows, :n]).min(axis=1)
        return least

    def first_due(self, rows: Rows, since: I64, fired: I8 | int = NO_SEVERITY) -> I64:
        """The next deadline of a condition that holds since then and has reached `fired`."""
        n = len(self.terms.rule.steps)
        worse = self.grade[rows, :n] < (fired if isinstance(fired, int) else fired[:, None])
        due = np.where(worse, self.reach(rows, since), NEVER).min(axis=1)
        due = np.where(self.enabled[rows] & self.present[rows], due, NEVER)
        self.earliest = min(self.earliest, int(due.min(initial=NEVER)))
        return due

    def next_due(self, rows: Rows) -> I64:
        """The next deadline of the condition that holds now, a mute's end included."""
        holds = self.since[rows] != NO_TIME
        due = np.full(len(rows), NEVER, np.int64)
        lasting = rows[holds]
        stepping = self.first_due(lasting, self.since[lasting], self.fired[lasting])
        due[holds] = np.minimum(stepping, self.mute_end(lasting))
        return due

    def mute_end(self, rows: Rows) -> I64:
        """When what was closed while active may be raised again."""
        return np.where(self.enabled[rows] & self.present[rows], self.mute_due[rows], NEVER)

    def fallen(self, watermark: int, position: int) -> list[Move]:
        """Deadlines up to a watermark: the one comparison of a tick."""
        when = When(watermark, position)
        return [
            self.over(int(row), when, kind=Kind.FIRE, at=int(self.due[row]))
            for row in np.flatnonzero(self.due[: self.size] <= watermark)
        ]

    def over(
        self, row: int, when: When, *, kind: Kind = Kind.OVER, at: int | None = None, run: Run | None = None
    ) -> Move:
        """The condition ends, or what else is told of it: at `at`, known at `when`; `run` where it is over already."""
        return Move(
            position=when.position, at=when.at if at is None else at, rule=self.terms.rule.code,
            subject_kind=int(self.kind[row]), subject=int(self.subject[row]), kind=kind, watch=self, row=row,
            received_at=when.at, run=run,
        )  # fmt: skip
