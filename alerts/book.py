"""Pass 2: transitions become changes of alerts, one after the other."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import ClassVar

import numpy as np

from alerts.findings import NEVER, NO_SEVERITY, Change, Finding, Origin, Subject
from alerts.moves import Kind, Move, When
from alerts.registry_view import RegistryView
from alerts.table import Journal
from alerts.watch import Watch
from devices.columns import NO_TIME
from devices.durations import HOUR

MUTE = 12 * HOUR
MILDEST_BY_A_PERSON = 2  # P1 and P2 are closed by people; P3 and P4 close themselves once cleared


class Book:
    """The alerts as the engine knows them: which is open on which row, and the number of the next."""

    TRANSIENT: ClassVar = frozenset({"_findings", "_heap", "_serial", "_parents"})  # while transitions are played

    def __init__(self, journal: Journal, view: RegistryView, watches: Mapping[str, Watch]) -> None:
        self.journal, self.view, self.watches = journal, view, watches
        self.counters = {"alert": 1}
        self._findings: list[Finding] = []
        self._heap: list[tuple[tuple[int, int, str, int, int, int], int, Move]] = []
        self._serial = count()
        self._parents: dict[str, list[Watch]] = {}

    def play(self, moves: Iterable[Move], horizon: int = NO_TIME) -> list[Finding]:
        """Play transitions in order, and every deadline that they bring up to `horizon`."""
        moves = list(moves)
        self._save(moves)
        self._findings, self._parents = [], {}
        for move in moves:
            self._push(move)
        while self._heap:
            move = heapq.heappop(self._heap)[-1]
            if move.kind is Kind.FIRE:
                self._fire(move, horizon)
            elif move.kind is Kind.HAPPENED:
                self._happened(move)
            else:
                self._over(move)
        return self._findings

    @staticmethod
    def _save(moves: list[Move]) -> None:
        rows: dict[int, tuple[Watch, list[int]]] = {}
        for move in moves:
            rows.setdefault(id(move.watch), (move.watch, []))[1].append(move.row)
        for watch, touched in rows.values():
            watch.touch(np.array(touched, np.intp))

    def _push(self, move: Move) -> None:
        heapq.heappush(self._heap, (move.order, next(self._serial), move))

    # ------------------------------------------------------------ deadlines
    def _fire(self, move: Move, horizon: int) -> None:
        watch, row = move.watch, move.row
        since = move.run.since if move.run else int(watch.since[row])
        steps = watch.steps_of(row, since)
        worst = min((grade for due, grade in steps if due <= move.at), default=NO_SEVERITY)
        if worst < watch.fired[row]:
            watch.fired[row] = worst
            self._reach(move, worst, since)
        if watch.mute_due[row] <= move.at:
            self._end_mute(move)
        ahead = [due for due, grade in steps if grade < watch.fired[row]]
        following = min(*ahead, int(watch.mute_due[row]), NEVER)
        if move.run is None:
            watch.due[row] = following
        if following <= (horizon if move.run is None else move.run.end):
            self._push(replace(move, at=following))

    def _reach(self, move: Move, severity: int, since: int) -> None:
        """The condition reached a severity that it had not reached before."""
        watch, row = move.watch, move.row
        if watch.alert[row]:
            again = not watch.active[row]
            if again:
                self._tell(Change.OCCURRENCE, move)
            if severity < watch.severity[row]:
                self._rise(move, severity)
            watch.active[row] = True
            if again:
                self._stand_together(move)
        elif severity < watch.muted[row]:
            self._raise(move, severity, self._cause(move, since))
        watch.active[row] = True

    def _end_mute(self, move: Move) -> None:
        watch, row = move.watch, move.row
        watch.mute_due[row] = NEVER
        if not watch.alert[row]:
            self._raise(move, int(watch.fired[row]), self._cause(move, NO_TIME))

    @staticmethod
    def _cause(move: Move, since: int) -> str:
        """What makes this raise unlike every other of its rule and subject, for ever."""
        watch, row = move.watch, move.row
        if since > watch.used_since[row] and watch.muted[row] == NO_SEVERITY:
            watch.used_since[row] = since
            return f"since:{since}"
        if move.at > watch.used_due[row]:
            watch.used_due[row] = move.at
            return f"due:{move.at}"
        return f"due:{move.at}@{move.position}"

    # ------------------------------------------------------------ events and ends
    def _happened(self, move: Move) -> None:
        watch, row = move.watch, move.row
        severity = int(watch.grade[row, 0])
        watch.active[row] = True
        if watch.alert[row]:
            self._tell(Change.OCCURRENCE, move)
            if severity < watch.severity[row]:
                self._rise(move, severity)
            self._stand_together(move)
        elif watch.enabled[row] and severity < watch.muted[row]:
            self._raise(move, severity, f"event:{move.event}")

    def _over(self, move: Move) -> None:
        watch, row = move.watch, move.row
        if watch.alert[row] and watch.active[row]:
            self._tell(Change.CLEARED, move)
            if watch.severity[row] > MILDEST_BY_A_PERSON or watch.parent[row]:
                self._tell(Change.CLOSED, move)
                self._ended(move)
        watch.active[row] = False
        watch.fired[row] = watch.muted[row] = NO_SEVERITY
        watch.mute_due[row] = NEVER

    def close(self, watch: Watch, row: int, when: When) -> list[Finding]:
        """A person closed the open alert of this row: what still holds is muted up to its severity."""
        self._findings, self._parents = [], {}
        watch.touch(np.array([row], np.intp))
        if watch.active[row] and not watch.terms.rule.person_clears:
            watch.muted[row] = watch.severity[row]
            watch.mute_due[row] = NEVER if watch.ends_alone else when.at + MUTE
            watch.due[row] = min(watch.due[row], int(watch.mute_end(np.array([row], np.intp))[0]))
        watch.active[row] = watch.active[row] and not watch.terms.rule.person_clears
        self._ended(watch.over(row, when))
        return self._findings

    def hold(self, watch: Watch, row: int, *, held: bool) -> None:
        """A person claimed the open alert of this row, or gave it back: it stands on its own now."""
        watch.touch(np.array([row], np.intp))
        watch.held[row], watch.parent[row] = held, 0

    # ------------------------------------------------------------ inhibition
    def _stand_together(self, move: Move) -> None:
        """The alert of this row has become active again: it is explained by another, or explains others."""
        watch, row = move.watch, move.row
        if not watch.parent[row] and not watch.held[row] and (parent := self._explains(watch, row)):
            self._inhibit(move, parent)
        self._fold(move)

    def _fold(self, move: Move) -> None:
        """What is open and new of the rules that this alert explains is inhibited; what is claimed stays."""
        watch, row = move.watch, move.row
        for child, its in self._children(watch, row):
            if child.alert[its] and child.active[its] and not child.parent[its] and not child.held[its]:
                self._inhibit(self._for(child, its, move), int(watch.alert[row]))

    def _ended(self, move: Move) -> None:
        """The open alert of this row is closed: what it explained and still holds comes back, or has another reason."""
        watch, row = move.watch, move.row
        number = int(watch.alert[row])
        watch.alert[row], watch.severity[row], watch.parent[row], watch.held[row] = 0, NO_SEVERITY, 0, False
        for child, its in self._children(watch, row):
            if child.alert[its] and child.parent[its] == number:
                after = self._for(child, its, move)
                if parent := self._explains(child, its):
                    self._inhibit(after, parent)
                else:
                    child.touch(np.array([its], np.intp))
                    child.parent[its] = 0
                    self._tell(Change.SURFACED, after)

    def _inhibit(self, move: Move, parent: int) -> None:
        move.watch.touch(np.array([move.row], np.intp))
        move.watch.parent[move.row] = parent
        self._tell(Change.INHIBITED, move, parent=parent)

    def _explains(self, watch: Watch, row: int) -> int:
        """The alert, open and active, that explains this row; 0 for none."""
        for other in self._parents_of(watch):
            its = other.row_of(int(watch.kind[row]), int(watch.subject[row]))
            if its >= 0 and other.alert[its] and other.active[its]:
                return int(other.alert[its])
        return 0

    def _parents_of(self, watch: Watch) -> list[Watch]:
        """The rules that may explain one; looked up once, since no rule changes while transitions are played."""
        rule = watch.terms.rule
        if rule.code not in self._parents:
            others = [self.watches[code] for code in sorted(self.watches)]
            may = [w for w in others if rule.code in w.terms.rule.inhibits and not rule.never_suppressed]
            self._parents[rule.code] = may
        return self._parents[rule.code]

    def _children(self, watch: Watch, row: int) -> Iterator[tuple[Watch, int]]:
        """Rows of other rules about the same subject that this one may explain."""
        for code in sorted(watch.terms.rule.inhibits):
            child = self.watches.get(code)
            if child is not None and not child.terms.rule.never_suppressed:
                its = child.row_of(int(watch.kind[row]), int(watch.subject[row]))
                if its >= 0:
                    yield child, its

    @staticmethod
    def _for(watch: Watch, row: int, move: Move) -> Move:
        """The same moment for another row."""
        return watch.over(row, When(move.received_at, move.position), at=move.at)

    # ------------------------------------------------------------ findings
    def _raise(self, move: Move, severity: int, cause: str) -> None:
        watch, row = move.watch, move.row
        number = self.counters["alert"]
        self.journal.put(self.counters, "alert", number + 1)
        watch.alert[row], watch.severity[row] = number, severity
        watch.muted[row], watch.mute_due[row] = NO_SEVERITY, NEVER
        kind, subject, site = Subject(move.subject_kind), move.subject, int(watch.site[row])
        origin = Origin(
            rule=move.rule, subject_kind=kind, subject=subject, site=site, cause=cause,
            resident=self.view.resident_of(kind, subject, site),
        )  # fmt: skip
        watch.parent[row] = parent = self._explains(watch, row)
        self._tell(Change.RAISED, move, origin, parent)
        watch.active[row] = True
        self._fold(move)

    def _rise(self, move: Move, severity: int) -> None:
        """Worse; from P2 on that ends a claim."""
        watch, row = move.watch, move.row
        watch.severity[row] = severity
        watch.held[row] = watch.held[row] and severity > MILDEST_BY_A_PERSON
        self._tell(Change.SEVERITY, move)

    def _tell(self, change: Change, move: Move, origin: Origin | None = None, parent: int = 0) -> None:
        watch, row = move.watch, move.row
        begun = change in (Change.RAISED, Change.OCCURRENCE)
        event = move.event or (move.run.origin if move.run else int(watch.origin[row])) or None
        flags = move.flags or (move.run.flags if move.run else int(watch.flags[row]))
        self._findings.append(
            Finding(
                change=change,
                alert=int(watch.alert[row]),
                position=move.position,
                at=move.at,
                received_at=move.received_at,
                severity=int(watch.severity[row]),
                rule_version=watch.terms.version,
                event=event if begun else None,
                flags=flags if begun else 0,
                origin=origin,
                emergency=watch.terms.rule.never_suppressed,
                parent=parent,
            )
        )
