"""The rule engine: a function of the ordered log. No I/O, no clock of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.book import Book
from alerts.catalogue import parse_rule
from alerts.findings import NEVER, SUBJECTS, Finding, Subject
from alerts.lateness import Lateness
from alerts.moves import Move, When
from alerts.overrides import parse_overrides
from alerts.primitives.count import CountWatch, DoorCountWatch
from alerts.primitives.event import EventWatch
from alerts.primitives.held import HeldWatch
from alerts.primitives.inactive import InactiveWatch
from alerts.primitives.sequence import DoorSequenceWatch, SequenceWatch
from alerts.primitives.silent import SilentWatch
from alerts.registry_view import RegistryView
from alerts.rule import Rule
from alerts.schedule import Schedule, micros
from alerts.table import Journal
from alerts.watch import Terms, Watch
from store.head import InputEntry

PRIMITIVES: dict[str, type[Watch]] = {
    "event": EventWatch, "held": HeldWatch, "silent": SilentWatch, "sequence": SequenceWatch, "count": CountWatch,
}  # fmt: skip


def _watch_of(rule: Rule) -> type[Watch]:
    """What watches a rule: people are heard otherwise than devices, and than doors."""
    special = {
        ("silent", Subject.RESIDENT): InactiveWatch,
        ("sequence", Subject.PLACE): DoorSequenceWatch,
        ("count", Subject.PLACE): DoorCountWatch,
    }
    return special.get((rule.primitive, rule.subject), PRIMITIVES[rule.primitive])


class Engine:
    """Feed it the log in order; what it did since the last `adopt` can be taken back by `drop`.

    `position` is that of the last entry taken in. Any cut of the log gives the same findings.
    """

    def __init__(self) -> None:
        self._journal = Journal()
        self._schedule = Schedule()
        self._numbers = {"position": 0}
        self.view = RegistryView(self._journal)
        self.watches: dict[str, Watch] = {}
        self._lateness = Lateness(self._journal)
        self._book = Book(self._journal, self.view, self.watches)

    @property
    def position(self) -> int:
        return self._numbers["position"]

    @property
    def next_alert(self) -> int:
        """The number that the next alert will get."""
        return self._book.counters["alert"]

    def number_from(self, number: int) -> None:
        """Give the next alert this number."""
        self._journal.put(self._book.counters, "alert", number)

    # ------------------------------------------------------------ the patch
    def adopt(self) -> None:
        """Keep what was done."""
        self._journal.adopt()

    def drop(self) -> None:
        """Be again as at the last `adopt`."""
        self._journal.drop()

    @property
    def settled(self) -> bool:
        """Whether everything that was done is adopted or dropped."""
        return self._journal.settled

    def advanced_to(self, position: int) -> None:
        """The log is taken in up to here."""
        self._journal.put(self._numbers, "position", max(position, self.position))

    # ------------------------------------------------------------ the log
    def apply(self, entries: Sequence[InputEntry], events: NDArray[np.void]) -> list[Finding]:
        """Take in a stretch of the log: control entries and events, each in the order of positions."""
        findings: list[Finding] = []
        done = 0
        for entry in entries:
            upto = int(np.searchsorted(events["position"], entry.position))
            findings += self._feed(events[done:upto])
            findings += self._take(entry)
            done = upto
        findings += self._feed(events[done:])
        return findings

    def advance(self, watermark: int, position: int | None = None) -> list[Finding]:
        """Fire what is due up to a moment, in due order, and what that brings."""
        at = self.position if position is None else position
        moves = [move for watch in self.watches.values() for move in watch.fallen(watermark, at)]
        return self._book.play(moves, horizon=watermark) if moves else []

    def due(self, now: int) -> bool:
        """Whether anything falls due up to a moment."""
        return self.next_due <= now

    @property
    def next_due(self) -> int:
        """When the next deadline falls, NEVER where none is set."""
        return min((int(w.due[: w.size].min(initial=NEVER)) for w in self.watches.values()), default=NEVER)

    def reckon_anew(self) -> None:
        """Look from here on for the `earliest` deadline."""
        for watch in self.watches.values():
            watch.earliest = NEVER

    @property
    def earliest(self) -> int:
        """The first deadline reckoned since `reckon_anew`, also of conditions that ended in time.

        Events that were applied at once are as if a watermark had stood before each, where this and what was due
        before are later than the last of them: none would have fired anything. Otherwise drop, and cut there.
        """
        return min((watch.earliest for watch in self.watches.values()), default=NEVER)

    def _feed(self, events: NDArray[np.void]) -> list[Finding]:
        if not len(events):
            return []
        late = self._lateness.judge(events, self.view.devices.size)
        moves = [move for watch in self.watches.values() for move in watch.feed(events, late)]
        self.advanced_to(int(events["position"][-1]))
        return self._book.play(moves) if moves else []

    def _take(self, entry: InputEntry) -> list[Finding]:
        when = When(micros(entry.at), entry.position)
        self.advanced_to(when.position)
        if entry.kind == "watermark":
            return self.advance(when.at, when.position)
        if entry.kind in {"closing", "claim"}:
            return self._acted(entry, when)
        return self._book.play(self._moves(entry, when))

    def _moves(self, entry: InputEntry, when: When) -> list[Move]:
        if entry.kind == "registry":
            touched = self.view.apply(entry.body)
            return [move for watch in self.watches.values() for move in watch.sync(touched, when)]
        if entry.kind == "rules":
            return self._rule(entry.body, when)
        silences = [w for w in self.watches.values() if isinstance(w, SilentWatch | InactiveWatch)]
        if entry.kind == "device":
            self.view.hear(entry.body)
            sequences = [w for w in self.watches.values() if isinstance(w, SequenceWatch)]
            return [move for watch in (*silences, *sequences) for move in watch.tell(entry.body, when)]
        if entry.kind == "stall":
            for watch in silences:
                watch.stalled(int(entry.body["from"]), int(entry.body["to"]))
        return []

    def _rule(self, body: dict[str, Any], when: When) -> list[Move]:
        """A new version of a rule: the first one begins its watch over all subjects there are."""
        rule = parse_rule(body["definition"], f"version {body['version']}")
        terms = Terms(rule=rule, version=int(body["version"]), overrides=parse_overrides(rule, body["overrides"]))
        watch = self.watches.get(rule.code)
        if watch is not None:
            moves = watch.adopt_terms(terms, when)
        else:
            watch, moves = self.begin(terms), []
        return moves + watch.sync(self.view.everything(), when)

    def begin(self, terms: Terms) -> Watch:
        """The watch of a rule that has none, over nobody yet."""
        watch = _watch_of(terms.rule)(self._journal, self.view, self._schedule, terms)
        self._journal.put(self.watches, terms.rule.code, watch)
        return watch

    def _acted(self, entry: InputEntry, when: When) -> list[Finding]:
        """A person closed an alert, claimed it or gave it back."""
        body = entry.body
        watch = self.watches.get(body["rule"])
        row = -1 if watch is None else watch.row_of(SUBJECTS[body["subject_kind"]], int(body["subject"]))
        if watch is None or row < 0 or watch.alert[row] != int(body["alert"]):
            return []
        if entry.kind == "closing":
            return self._book.close(watch, row, when)
        self._book.hold(watch, row, held=bool(body["held"]))
        return []
