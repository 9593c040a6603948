"""The rules over a recording: the live system's own decoding, judgement and engine, without broker and database.

A line's `at` is its receive time, and a watermark stands before it. What is received at one moment is taken together.
Devices fall silent, by the same scan as live, at the moment at which that becomes true. After the last line the clock
stands still: what falls due later is not raised. However many lines are taken at once, the log, its positions and the
alerts are the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Engine
from alerts.ledger import Ledger, Names
from alerts.rule import Rule
from alerts.schedule import micros, moment
from devices.columns import empty
from devices.directory import Directory
from devices.references import Registry
from devices.registry_memory import registry_entry
from devices.silence import BEATS
from ingest.decode import Decoder, StatusWord
from ingest.delivery import Delivery
from ingest.liveness import NEVER, OK, SUSPECT, Change, Liveness
from runtime.backtest_memory import Memory
from simulators.recording import Line
from store.head import InputEntry

BATCH = 20_000  # lines decoded at once
MOST = 4096  # moments taken in at once
_LATEST = 2**62
_NO_EVENTS = empty(0)

Overrides = Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a backtest did; `quarantined` counts refusals by reason."""

    lines: int
    events: int
    duplicates: int
    quarantined: dict[str, int]
    documents: list[dict[str, Any]]


class Backtest:
    """One run. Times are microseconds."""

    def __init__(self, registry: Registry, rules: Mapping[str, Rule], overrides: Overrides) -> None:
        self._registry, self._rules, self._overrides = registry, rules, overrides
        self._engine, self._ledger = Engine(), Ledger()
        self._directory, self._liveness = Directory(), Liveness()
        self._position = 0
        self._events = 0
        self._silent_after = _LATEST  # no device falls silent before

    def run(
        self, lines: Iterable[Line], *, batch: int = BATCH, show: Callable[[int, Line], None] | None = None
    ) -> Result:
        """Play the lines; their times must not go backwards."""
        count, memory = 0, None
        for taken in _moments(lines, batch):
            if memory is None:
                memory = self._begin(micros(taken[0].at))
            count += len(taken)
            self._take(taken, memory)
            if show is not None:
                show(count, taken[-1])
        return Result(
            lines=count,
            events=self._events,
            duplicates=memory.duplicates if memory else 0,
            quarantined=dict(sorted(memory.quarantined.items())) if memory else {},
            documents=list(self._ledger.documents(self._names)) if memory else [],
        )

    # ------------------------------------------------------------ the log
    def _begin(self, at: int) -> Memory:
        """Rules and registry are in force from the first line on."""
        for code, rule in self._rules.items():
            overrides = list(self._overrides.get(code, ()))
            body = {"rule": code, "version": 1, "definition": rule.document, "overrides": overrides}
            self._enter([("rules", body)], at)
        upsert = registry_entry(self._registry, since=at)
        self._enter([("registry", {"upsert": upsert, "remove": {}})], at)
        self._directory.apply({"upsert": upsert})
        self._liveness.watch(self._directory.interval, self._directory.grace)
        patience = BEATS * self._directory.interval
        self._shortest = int(patience[patience > 0].min(initial=_LATEST))
        self._names = Names(
            registry={table: {row["id"]: row for row in rows} for table, rows in upsert.items()},
            rules={(code, 1): rule.document for code, rule in self._rules.items()},
        )
        return Memory(Decoder(self._directory))

    def _enter(
        self, entries: Sequence[tuple[str, dict[str, Any]]], at: int, events: NDArray[np.void] = _NO_EVENTS
    ) -> None:
        """Append entries, then events, and take them in."""
        placed = [
            InputEntry(kind=kind, at=moment(at), body=body, position=self._position + n)
            for n, (kind, body) in enumerate(entries, 1)
        ]
        self._position += len(placed)
        self._place(events)
        self._ledger.take(self._engine.apply(placed, events))
        self._keep(len(events))

    def _place(self, events: NDArray[np.void]) -> None:
        events["position"] = np.arange(self._position + 1, self._position + 1 + len(events))

    def _keep(self, events: int) -> None:
        self._engine.adopt()
        self._position += events
        self._events += events

    def _tick(self, at: int) -> None:
        """A watermark, where it fires something."""
        if self._engine.next_due <= at:
            self._enter([("watermark", {})], at)

    # ------------------------------------------------------------ lines
    def _take(self, lines: Sequence[Line], memory: Memory) -> None:
        deliveries = [Delivery(micros(line.at), line.topic, line.payload) for line in lines]
        decoded = memory.decoder.decode(deliveries, live=True)
        stretch = _Stretch(
            moments=np.unique(np.array([d.received_at for d in deliveries], np.int64)),
            events=memory.select(decoded),
            alive=np.array(decoded.alive, np.int64).reshape(-1, 2),
            statuses=decoded.statuses,
            told_at=np.array([status.received_at for status in decoded.statuses], np.int64),
        )
        done = 0
        while done < len(stretch.moments):
            self._pass(int(stretch.moments[done]))
            done = self._go_on(stretch, done)

    def _pass(self, at: int) -> None:
        """Time passes up to a moment: devices fall silent, deadlines fall."""
        while self._silent_after < at:
            self._silent_after = self._next_silence()
            if self._silent_after >= at:
                break
            silent = self._silent_after + 1
            self._tick(silent)
            self._tell(self._liveness.changes(silent, (), scan=True), (), silent)
        self._tick(at)

    def _next_silence(self) -> int:
        """Until when no device that is heard falls silent."""
        rows = self._liveness.rows
        heard = (rows["interval"] > 0) & (rows["last_seen"] != NEVER) & (rows["liveness"] <= OK)
        last: NDArray[np.int64] = rows["last_seen"][heard] + BEATS * rows["interval"][heard]
        return int(last.min(initial=_LATEST))

    def _tell(
        self,
        changes: Sequence[Change],
        statuses: Sequence[StatusWord],
        at: int,
        events: NDArray[np.void] = _NO_EVENTS,
    ) -> None:
        """What is new of devices, and then the events of the same moment."""
        self._liveness.adopt(changes, statuses)
        self._enter([("device", change._asdict()) for change in changes], at, events)

    def _go_on(self, stretch: "_Stretch", first: int) -> int:
        """Take in the moments from one on, as many as no change of a device comes between; returns the next."""
        moments, rows = stretch.moments, self._liveness.rows
        end = min(first + MOST, stretch.status_after(first), stretch.number(self._silent_after + 1))
        alive = stretch.alive_in(first, max(end, first + 1))
        device = alive[:, 0]
        back = alive[rows["liveness"][device] >= SUSPECT, 1]
        end = min(end, stretch.number(int(back[0])) if len(back) else end)
        if (rows["last_seen"][device] == NEVER).any():
            self._silent_after = min(self._silent_after, int(moments[first]) + self._shortest)
            end = min(end, stretch.number(self._silent_after + 1))
        if end <= first:
            self._one_moment(stretch, first)
            return first + 1
        self._liveness.touch(stretch.heard(first, end))
        self._many(stretch, first, end)
        return end

    def _one_moment(self, stretch: "_Stretch", n: int) -> None:
        """A moment at which devices are heard again, or say that they go."""
        at, statuses = int(stretch.moments[n]), stretch.statuses_of(n)
        self._liveness.touch(stretch.heard(n, n + 1))
        self._silent_after = min(self._silent_after, at + self._shortest)
        changes = self._liveness.changes(at, statuses, scan=True)
        self._tell(changes, statuses, at, stretch.events_of(n, n + 1))

    def _many(self, stretch: "_Stretch", first: int, end: int) -> None:
        """Take in moments, cut where a watermark between them would fire."""
        while first < end:
            self._tick(int(stretch.moments[first]))
            upto = min(end, max(first + 1, stretch.number(self._engine.next_due)))
            while (early := self._at_once(stretch, first, upto)) is not None:
                upto = max(first + 1, stretch.number(early))
            first = upto

    def _at_once(self, stretch: "_Stretch", first: int, end: int) -> int | None:
        """Take in moments, or nothing: then returned is the deadline that falls among them."""
        events = stretch.events_of(first, end)
        if len(events) and end - first == 1:
            self._enter([], int(stretch.moments[first]), events)
        elif len(events):
            self._place(events)
            self._engine.reckon_anew()
            findings = self._engine.apply((), events)
            if (early := self._engine.earliest) <= stretch.moments[end - 1]:
                self._engine.drop()
                return early
            self._ledger.take(findings)
            self._keep(len(events))
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stretch:
    """Decoded lines. `moments` are when they were received, each once; `alive` has rows of device and moment."""

    moments: NDArray[np.int64]
    events: NDArray[np.void]
    alive: NDArray[np.int64]
    statuses: Sequence[StatusWord]
    told_at: NDArray[np.int64]  # when the statuses were

    def number(self, at: int) -> int:
        """The number of the first moment that is not before `at`."""
        return int(np.searchsorted(self.moments, at))

    def status_after(self, n: int) -> int:
        """The number of the first moment from n on at which a device says a status."""
        k = int(np.searchsorted(self.told_at, self.moments[n]))
        return self.number(int(self.told_at[k])) if k < len(self.told_at) else len(self.moments)

    def statuses_of(self, n: int) -> Sequence[StatusWord]:
        a, b = self._between(self.told_at, n, n + 1)
        return self.statuses[a:b]

    def alive_in(self, first: int, end: int) -> NDArray[np.int64]:
        a, b = self._between(self.alive[:, 1], first, end)
        return self.alive[a:b]

    def heard(self, first: int, end: int) -> list[tuple[int, int]]:
        return [(device, at) for device, at in self.alive_in(first, end).tolist()]

    def events_of(self, first: int, end: int) -> NDArray[np.void]:
        a, b = self._between(self.events["received_at"], first, end)
        return self.events[a:b]

    def _between(self, times: NDArray[np.int64], first: int, end: int) -> tuple[int, int]:
        a, b = np.searchsorted(times, [self.moments[first], self.moments[end - 1] + 1])
        return int(a), int(b)


def _moments(lines: Iterable[Line], batch: int) -> Iterator[list[Line]]:
    """Lines by so many at once, and as many more as share the last one's moment."""
    taken: list[Line] = []
    for line in lines:
        if len(taken) >= batch and line.at != taken[-1].at:
            yield taken
            taken = []
        taken.append(line)
    if taken:
        yield taken
