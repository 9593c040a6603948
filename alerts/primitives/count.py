"""`count`: something happened too often within a time.

Of each subject the moments are kept that lie within the window of the newest, each at its effective time, so the
order in which they are told does not matter; one that is older than the window counts no more. The condition begins
with the moment that makes them enough, and each further one is an occurrence. It is over once it was quiet for the
rule's time; from there it is counted anew. Outside of the hours that the rule names nothing is counted, nor is what a
door sensor or a mat said before.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alerts.findings import NEVER
from alerts.moves import Kind, Move, When
from alerts.primitives.held import Batch
from alerts.primitives.sequence import DoorSequenceWatch, SequenceWatch
from alerts.registry_view import RegistryView
from alerts.schedule import Schedule
from alerts.table import I16, I64, Bools, Fields, Journal, Rows
from alerts.watch import Terms

KEPT_MORE = 16  # moments beyond those that are enough: for what comes out of order


class CountWatch(SequenceWatch):
    """`reached`: they were enough. `_moments` holds, by row, what was counted, in the order of its time."""

    FIELDS: ClassVar[Fields] = {
        "times": (np.int16, 0), "within": (np.int64, 0), "quiet": (np.int64, 0), "reached": (np.bool_, False),
    }  # fmt: skip
    ONLY_NEWS: ClassVar[bool] = True
    times: I16
    within: I64
    quiet: I64
    reached: Bools

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._moments: dict[int, tuple[int, ...]] = {}

    @property
    def ends_alone(self) -> bool:
        """What was counted is forgotten in time."""
        return True

    # ------------------------------------------------------------ parameters
    def _set_default(self, rows: Rows) -> None:
        super()._set_default(rows)
        rule = self.terms.rule
        self.times[rows], self.within[rows], self.quiet[rows] = rule.times, rule.within, rule.quiet

    def _lay(self, rows: Rows, values: Mapping[str, Any]) -> None:
        super()._lay(rows, values)
        for name, column in (("times", self.times), ("within", self.within), ("quiet", self.quiet)):
            if name in values:
                column[rows] = values[name]

    def adopt_terms(self, terms: Terms, when: When) -> list[Move]:
        """What is switched off counts nothing more."""
        moves = super().adopt_terms(terms, when)
        rows = np.arange(self.size, dtype=np.intp)
        self.forget(rows[~self.enabled[: self.size]])
        return moves

    # ------------------------------------------------------------ the condition
    def lasting(self, rows: Rows) -> Bools:
        """For which of them it was enough, and nothing has ended it."""
        return self.reached[rows]

    def forget(self, rows: Rows) -> None:
        """It is counted anew."""
        super().forget(rows)
        self.reached[rows] = False
        for row in rows:
            self.journal.pop(self._moments, int(row))

    def next_due(self, rows: Rows) -> I64:
        """When it will have been quiet for long enough."""
        due = np.full(len(rows), NEVER, np.int64)
        for k in np.flatnonzero(self.reached[rows]):
            due[k] = self._moments[int(rows[k])][-1] + self.quiet[rows[k]]
        self.earliest = min(self.earliest, int(due.min(initial=NEVER)))
        return due

    def fallen(self, watermark: int, position: int) -> list[Move]:
        """What was quiet for long enough is over."""
        rows = np.flatnonzero(self.due[: self.size] <= watermark)
        self.touch(rows)
        return [self._over_by_now(int(row), When(watermark, position)) for row in rows]

    def _over_by_now(self, row: int, when: When) -> Move:
        due = int(self.due[row])
        self.forget(np.array([row], np.intp))
        return self.over(row, when, at=due)

    def _look(self, rows: Rows, at: int) -> None:
        """What was counted was heard, whatever works now."""

    # ------------------------------------------------------------ pass 1
    def take_in(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Each moment by itself: they are few."""
        batch = self._group(events, late)
        if batch is None:
            return []
        self.touch(batch.row[batch.last])
        return [move for k in range(len(batch.row)) for move in self._told(batch, k)]

    def _told(self, batch: Batch, k: int) -> list[Move]:
        row, at, event = int(batch.row[k]), int(batch.at[k]), batch.events[k]
        when = When(int(event["received_at"]), int(event["position"]))
        if batch.late[k]:
            return []
        over = [self._over_by_now(row, when)] if self.due[row] <= at else []
        return over + self._counted(row, at, event)

    def _counted(self, row: int, at: int, event: np.void) -> list[Move]:
        within, times = int(self.within[row]), int(self.times[row])
        moments = sorted([*self._moments.get(row, ()), at])
        kept = [moment for moment in moments if moment > moments[-1] - within][-times - KEPT_MORE :]
        self.journal.put(self._moments, row, tuple(kept))
        enough = [last for first, last in zip(kept, kept[times - 1 :], strict=False) if first <= at <= last]
        self.reached[row] |= bool(enough)
        self.due[row] = self.next_due(np.array([row], np.intp))[0]
        if not enough:
            return []
        position = int(event["position"])
        return [
            Move(
                position=position, at=enough[0], rule=self.terms.rule.code, subject_kind=int(self.kind[row]),
                subject=int(self.subject[row]), kind=Kind.HAPPENED, watch=self, row=row,
                received_at=int(event["received_at"]), event=position, flags=int(event["flags"]),
            )
        ]  # fmt: skip


class DoorCountWatch(DoorSequenceWatch, CountWatch):
    """The same of doors."""
