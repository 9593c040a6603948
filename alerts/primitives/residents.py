"""Rules about residents: who is watched, and of whom a device tells."""

from typing import ClassVar

import numpy as np

from alerts.findings import Subject
from alerts.moves import Move, When
from alerts.registry_view import RegistryView
from alerts.rule import PRESENCES
from alerts.schedule import Schedule
from alerts.table import Bools, Journal, Rows
from alerts.watch import Located, Terms, Watch


class ResidentsWatch(Watch):
    """A device that is the resident's own or stands at his bed tells of him alone; any other of all of its site."""

    TRANSIENT: ClassVar = frozenset({"_by_site"})

    def __init__(self, journal: Journal, view: RegistryView, schedule: Schedule, terms: Terms) -> None:
        super().__init__(journal, view, schedule, terms)
        self._by_site: tuple[Rows, Rows] | None = None  # sites in order, and the rows there; made anew when needed

    # ------------------------------------------------------------ who is watched
    def asked_for(self, residents: Rows) -> Bools:
        """Which of these are at the sites and of the presence that the rule names."""
        known, rule = self.view.residents, self.terms.rule
        asked: Bools = known.present[residents] & np.isin(known.presence[residents], _numbers(rule.presence))
        if rule.sites:
            asked &= self.view.of_kinds(known.site[residents], rule.sites)
        return asked

    def staff_residents(self, residents: Rows, wanted: Bools, when: When) -> list[Move]:
        """Watch the wanted ones, and no longer the others."""
        sites = self.view.residents.site[residents].astype(np.intp)
        moves = self.staff(Subject.RESIDENT, wanted, Located(residents, sites, np.zeros_like(residents)), when)
        self.unsorted()
        return moves

    def residents_at(self, sites: Rows) -> Rows:
        """All residents of these sites."""
        residents = self.view.residents
        return np.flatnonzero(np.isin(residents.site[: residents.size], sites)) if len(sites) else sites

    # ------------------------------------------------------------ of whom a device tells
    def told_of(self, devices: Rows) -> tuple[Rows, Rows]:
        """The rows of which these devices tell, and by which of them."""
        owner = self.view.owners(devices)
        personal, shared = np.flatnonzero(owner), np.flatnonzero(owner == 0)
        everyone, n = self.rows_of_sites(self.view.devices.site[devices[shared]].astype(np.intp))
        own = self.rows_of(Subject.RESIDENT, owner[personal])
        return np.concatenate([own, everyone]), np.concatenate([personal, shared[n]])

    def rows_of_sites(self, sites: Rows) -> tuple[Rows, Rows]:
        """All rows of each of these sites, and by which of them."""
        rows, begin, end = self._ranges(sites)
        count = end - begin
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return rows[np.repeat(begin, count) + step], np.repeat(np.arange(len(sites)), count)

    def rows_about(self, residents: Rows) -> Rows:
        """The rows of these residents, where they have one."""
        rows = self.rows_of(Subject.RESIDENT, residents)
        return rows[rows >= 0]

    def rows_at(self, sites: Rows) -> Rows:
        """The rows of all residents of these sites."""
        if not len(sites):
            return sites
        rows, begin, end = self._ranges(sites)
        return np.concatenate([rows[b:e] for b, e in zip(begin, end, strict=True)])

    def unsorted(self) -> None:
        """Rows may have come, or be elsewhere."""
        self._unsort()
        self.journal.note(self._unsort)

    def _unsort(self) -> None:
        self._by_site = None

    def _ranges(self, sites: Rows) -> tuple[Rows, Rows, Rows]:
        """All rows in the order of their sites, and where those of each site begin and end."""
        if self._by_site is None:
            rows = np.argsort(self.site[: self.size], kind="stable")
            self._by_site = self.site[rows].astype(np.intp), rows
        there, rows = self._by_site
        return rows, np.searchsorted(there, sites, "left"), np.searchsorted(there, sites, "right")


def _numbers(presences: tuple[str, ...]) -> list[int]:
    return [PRESENCES.index(word) for word in presences]
