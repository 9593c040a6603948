"""`event`: it happened. Order does not matter to it: what happened raises whenever it arrives.

Where the rule says what `ends` its condition, it is over once every device has said so that told of it, or was removed;
what is told of after its end stands as active until a person closes it. An end that is older than what its device
told, or of which that cannot be known, ends nothing; nor does one that comes later than the rule hears of ends.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alerts.findings import Subject
from alerts.moves import Kind, Move, When
from alerts.registry_view import RegistryView, Touched
from alerts.schedule import Schedule
from alerts.table import Bools, Journal, Rows
from alerts.watch import Terms, Watch
from devices.columns import FLAG_STATELESS

Told = tuple[tuple[int, int], ...]  # devices whose condition lasts, and when each told of it last


class EventWatch(Watch):
    """Subjects are the device's resident or, where the rule asks for it or there is none, its site.

    They are enlisted when it first happens. `_lasting` holds, by row, the devices whose condition lasts.
    """

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._lasting: dict[int, Told] = {}

    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1 over events without a control entry between them."""
        rule = self.terms.rule
        where = np.flatnonzero(np.isin(events["type"], rule.on + rule.ends))
        where = where[events["device"][where] < self.view.devices.size]
        if not len(where):
            return []
        rows = self._rows(events["device"][where].astype(np.intp))
        moves: list[Move] = []
        for row, n in zip(rows, where, strict=True):
            moves += self._told(int(row), events[n], late=bool(late[n]))
        return moves

    def _told(self, row: int, event: np.void, *, late: bool) -> list[Move]:
        rule = self.terms.rule
        if event["type"] in rule.on:
            if rule.ends:
                self._last(row, int(event["device"]), int(event["effective_at"]))
            return [self._happened(row, event)]
        since = dict(self._lasting.get(row, ())).get(int(event["device"]))
        if since is None or late or event["flags"] & FLAG_STATELESS or not self._is_in_time(since, event):
            return []
        when = When(int(event["received_at"]), int(event["position"]))
        return [replace(move, at=int(event["effective_at"])) for move in self._end(row, {int(event["device"])}, when)]

    def _is_in_time(self, since: int, event: np.void) -> bool:
        within, at = self.terms.rule.ends_within, int(event["effective_at"])
        return at >= since and (within is None or at - since <= within)

    def _last(self, row: int, device: int, at: int) -> None:
        lasting = dict(self._lasting.get(row, ()))
        lasting[device] = max(at, lasting.get(device, at))
        self._keep_lasting(row, lasting)

    def _end(self, row: int, devices: set[int], when: When) -> list[Move]:
        left = {device: at for device, at in self._lasting.get(row, ()) if device not in devices}
        self._keep_lasting(row, left)
        return [] if left else [self.over(row, when)]

    def _keep_lasting(self, row: int, lasting: dict[int, int]) -> None:
        if lasting:
            self.journal.put(self._lasting, row, tuple(lasting.items()))
        else:
            self.journal.pop(self._lasting, row)

    def _rows(self, devices: Rows) -> Rows:
        view = self.view
        resident = view.devices.resident[devices].astype(np.intp)
        site = view.devices.site[devices].astype(np.intp)
        personal = (resident > 0) & (self.terms.rule.subject is Subject.RESIDENT)
        personal[personal] = view.residents.present[resident[personal]]
        rows = np.empty(len(devices), np.intp)
        for kind, where, ids in ((Subject.RESIDENT, personal, resident), (Subject.SITE, ~personal, site)):
            rows[where] = self._known(kind, ids[where], site[where])
        return rows

    def _known(self, kind: Subject, ids: Rows, sites: Rows) -> Rows:
        rows = self.rows_of(kind, ids)
        if (rows < 0).any():
            fresh, first = np.unique(ids[rows < 0], return_index=True)
            self.enlist(kind, fresh, sites[rows < 0][first])
            rows = self.rows_of(kind, ids)
        return rows

    def _happened(self, row: int, event: np.void) -> Move:
        return Move(
            position=int(event["position"]), at=int(event["effective_at"]), rule=self.terms.rule.code,
            subject_kind=int(self.kind[row]), subject=int(self.subject[row]), kind=Kind.HAPPENED, watch=self, row=row,
            received_at=int(event["received_at"]), event=int(event["position"]), flags=int(event["flags"]),
        )  # fmt: skip

    def sync(self, touched: Touched, when: When) -> list[Move]:
        """A resident who moved is looked for at the new site; what a device told of ends with its watch."""
        rows = self.rows_of(Subject.RESIDENT, touched.residents)
        residents, rows = touched.residents[rows >= 0], rows[rows >= 0]
        if len(rows):
            self.touch(rows)
            self.place_at(rows, self.view.residents.site[residents].astype(np.intp))
        there = self.view.devices.present
        lost = {row: {d for d, _ in told if not there[d]} for row, told in self._lasting.items()}
        return [move for row, gone in sorted(lost.items()) if gone for move in self._end(row, gone, when)]
