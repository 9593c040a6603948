"""`silent`: nothing was heard for at least a time.

It is fed by the log's `device` entries (suspect, offline, heard), which ingest makes from receive times, and by what
devices report of themselves. It runs on receive time. A report older than what the device already told changes
nothing; one that is switched off is not silent.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alerts.findings import NEVER, NO_SEVERITY, Subject
from alerts.moves import Move, When
from alerts.registry_view import Touched
from alerts.table import I64, Bools, Fields, Rows
from alerts.watch import Located, Watch
from devices.columns import FLAG_STATELESS, NO_TIME
from devices.silence import graces, intervals
from devices.types import EVENT_TYPES

ONLINE, OFFLINE, DISABLED = (EVENT_TYPES[f"camera.{state}"] for state in ("online", "offline", "disabled"))


class SilentWatch(Watch):
    """`suspected` and `reported` are since when ingest and the device itself say so, NO_TIME for never."""

    FIELDS: ClassVar[Fields] = {
        "suspected": (np.int64, NO_TIME), "reported": (np.int64, NO_TIME), "off": (np.bool_, False),
        "told": (np.int64, NO_TIME),
    }  # fmt: skip
    suspected: I64
    reported: I64
    off: Bools
    told: I64

    def sync(self, touched: Touched, when: When) -> list[Move]:
        """Devices of the kinds that the rule names."""
        ids, devices = touched.devices, self.view.devices
        if not len(ids):
            return []
        wanted = devices.present[ids] & np.isin(devices.kind[ids], self.view.kinds(self.terms.rule.kinds))
        if self.terms.rule.sites:
            wanted &= self.view.of_kinds(devices.site[ids], self.terms.rule.sites)
        located = Located(ids, devices.site[ids].astype(np.intp), devices.place[ids].astype(np.intp))
        return self.staff(Subject.DEVICE, wanted, located, when)

    def forget(self, rows: Rows) -> None:
        """Nothing is known of these devices any more."""
        super().forget(rows)
        self.suspected[rows] = self.reported[rows] = self.told[rows] = NO_TIME
        self.off[rows] = False

    # ------------------------------------------------------------ pass 1
    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1: reports that change nothing are set aside by columns; the few others are taken one by one."""
        if "camera" not in self.terms.rule.kinds:  # only cameras tell of themselves
            return []
        kind = events["type"]
        told = (kind >= ONLINE) & (kind <= DISABLED) & ((events["flags"] & FLAG_STATELESS) == 0)
        where = np.flatnonzero(told & ~late)
        rows = self.rows_of(Subject.DEVICE, events["device"][where].astype(np.intp))
        known = rows >= 0
        known[known] = self.present[rows[known]]
        where, rows = where[known], rows[known]
        if not len(rows):
            return []
        self.touch(rows)
        quiet = (self.since[rows] == NO_TIME) & ~self.off[rows] & (self.suspected[rows] == NO_TIME)
        plain = quiet & (events["type"][where] == ONLINE)
        strange = np.isin(rows, rows[~plain])
        np.maximum.at(self.told, rows[~strange], events["effective_at"][where[~strange]])
        moves: list[Move] = []
        for row, event in zip(rows[strange], events[where[strange]], strict=True):
            moves += self._report(int(row), event)
        return moves

    def _report(self, row: int, event: np.void) -> list[Move]:
        if event["effective_at"] < self.told[row]:
            return []
        self.told[row] = event["effective_at"]
        when = When(int(event["received_at"]), int(event["position"]))
        if event["type"] == ONLINE:
            self.reported[row] = self.suspected[row] = NO_TIME
            self.off[row] = False
        elif event["type"] == OFFLINE:
            self.reported[row] = when.at if self.reported[row] == NO_TIME else self.reported[row]
        else:
            self.off[row] = True
            self.reported[row] = NO_TIME
        return self._judge(row, when)

    def tell(self, body: dict[str, Any], when: When) -> list[Move]:
        """A `device` entry of the log."""
        row = self.row_of(Subject.DEVICE, int(body["device"]))
        if row < 0 or not self.present[row]:
            return []
        self.touch(np.array([row], np.intp))
        if body["state"] == "heard":
            self.suspected[row] = NO_TIME
        elif self.suspected[row] == NO_TIME:
            self.suspected[row] = min(int(body.get("since") or when.at), when.at)
        return self._judge(row, when)

    def _judge(self, row: int, when: When) -> list[Move]:
        """Begin or end the silence that the row's reports amount to."""
        silent = not self.off[row] and (self.suspected[row] != NO_TIME or self.reported[row] != NO_TIME)
        rows = np.array([row], np.intp)
        if silent and self.since[row] == NO_TIME:
            self.since[row] = self.suspected[row] if self.suspected[row] != NO_TIME else self.reported[row]
            self.floor[row] = when.at
            self.due[row] = self.first_due(rows, self.since[rows])[0]
        elif not silent and self.since[row] != NO_TIME:
            self.since[row], self.due[row] = NO_TIME, NEVER
            return [self.over(row, when)]
        return []

    def stalled(self, start: int, end: int) -> None:
        """Between these moments nobody listened: what fell due meanwhile waits a little longer."""
        size = self.size
        explained = (self.suspected[:size] != NO_TIME) & (self.reported[:size] == NO_TIME)
        waiting = explained & (self.fired[:size] == NO_SEVERITY) & (self.due[:size] > start) & (self.due[:size] < NEVER)
        rows = np.flatnonzero(waiting)
        if len(rows):
            self.touch(rows)
            grace = end + self._graces(self.subject[rows].astype(np.intp))
            self.floor[rows] = np.maximum(self.floor[rows], grace[:, None])
            self.due[rows] = self.next_due(rows)

    def _graces(self, ids: Rows) -> I64:
        devices = self.view.devices
        beats = devices.heartbeat[ids]
        return graces(intervals(devices.kind[ids], beats, devices.power[ids]), beats)
