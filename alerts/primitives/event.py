"""`event`: it happened. Order does not matter to it: what happened raises whenever it arrives."""

import numpy as np
from numpy.typing import NDArray

from alerts.findings import Subject
from alerts.moves import Kind, Move, When
from alerts.registry_view import Touched
from alerts.table import Bools, Rows
from alerts.watch import Watch


class EventWatch(Watch):
    """Subjects are the resident of the device that tells, else its site; they are enlisted when it first happens."""

    def feed(self, events: NDArray[np.void], late: Bools) -> list[Move]:
        """Pass 1 over events without a control entry between them."""
        del late  # what happened, happened
        told = events[np.isin(events["type"], self.terms.rule.on)]
        if not len(told):
            return []
        devices = told["device"].astype(np.intp)
        told, devices = told[devices < self.view.devices.size], devices[devices < self.view.devices.size]
        rows = self._rows(devices)
        return [self._happened(int(row), event) for row, event in zip(rows, told, strict=True)]

    def _rows(self, devices: Rows) -> Rows:
        view = self.view
        resident = view.devices.resident[devices].astype(np.intp)
        site = view.devices.site[devices].astype(np.intp)
        personal = resident > 0
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
        """A resident who moved is looked for at the new site; nothing ends, since only a person clears."""
        del when
        rows = self.rows_of(Subject.RESIDENT, touched.residents)
        residents, rows = touched.residents[rows >= 0], rows[rows >= 0]
        if len(rows):
            self.touch(rows)
            self.place_at(rows, self.view.residents.site[residents].astype(np.intp))
        return []
