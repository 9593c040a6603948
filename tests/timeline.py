"""What happens and what must come of it, as a timeline on a fake clock; restarts change none of it.

    line = Timeline()
    line.at("22:40").push(DOOR, "door.opened")
    line.want("raised P3", between("22:50"))
    line.check(until="23:30")

The clock enters the log as a live ingest lets it in: at a tick, where something is due.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from alerts.engine import Engine
from alerts.findings import Finding
from alerts.schedule import micros, moment
from store.head import InputEntry
from tests.engine_parts import SHANGHAI, Line, at, columns, rules_entry, started

TICK = timedelta(minutes=1)
MOST_RESTARTS = 6  # of longer timelines, every second or third moment


class Between(NamedTuple):
    """From when to when, both included."""

    first: datetime
    last: datetime


def between(first: str, last: str = "", day: int = 23) -> Between:
    """Local times of November 2026; one alone is that very moment."""
    return Between(at(first, day), at(last or first, day))


@dataclass
class Told:
    """A log that is written, and when each finding was made."""

    line: Line
    now: datetime
    findings: list[tuple[datetime, Finding]] = field(default_factory=list)

    def note(self, findings: list[Finding]) -> None:
        self.findings += [(self.now, finding) for finding in findings]

    def restart(self) -> None:
        """A new engine takes in the whole log."""
        self.line.engine = engine = Engine()
        for entry in self.line.entries:
            control, events = ([entry], columns([])) if isinstance(entry, InputEntry) else ([], entry)
            assert isinstance(events, np.ndarray)
            engine.apply(control, events)
            engine.adopt()


class Moment:
    """What happens at one moment of a timeline."""

    def __init__(self, line: "Timeline", when: datetime) -> None:
        self._line, self._when = line, when

    def push(self, device: int, what: str, told: str = "", told_day: int = 23) -> "Moment":
        """An event arrives; `told` is its device's time, where that is another."""
        when = at(told, told_day) if told else self._when
        return self._do(lambda now: now.line.push(device, what, when, received=self._when))

    def device(self, device: int, state: str, since: str = "") -> "Moment":
        """Ingest finds a device `suspect`, `offline` or `heard`."""
        moment_of = micros(at(since)) if since else micros(self._when)
        body = {"device": device, "state": state, "since": moment_of}
        return self._do(lambda now: now.line.enter("device", self._when, body))

    def stall(self, since: str) -> "Moment":
        """Nobody watched from then until now."""
        body = {"from": micros(at(since)), "to": micros(self._when)}
        return self._do(lambda now: now.line.enter("stall", self._when, body))

    def rules(self, rule: str, overrides: list[dict[str, Any]]) -> "Moment":
        """A new version of a rule is in force."""
        return self._do(lambda now: now.line.enter("rules", self._when, rules_entry(rule, 2, overrides)))

    def registry(self, body: dict[str, Any]) -> "Moment":
        """The registry changes."""
        return self._do(lambda now: now.line.enter("registry", self._when, body))

    def close(self, rule: str) -> "Moment":
        """A person closes the newest alert of a rule."""
        return self._do(lambda now: now.line.enter("closing", self._when, _closing(now, rule)))

    def _do(self, act: Callable[[Told], list[Finding]]) -> "Moment":
        self._line.acts.append((self._when, act))
        return self


def _closing(now: Told, rule: str) -> dict[str, Any]:
    origins = [(f.alert, f.origin) for _, f in now.findings if f.origin is not None and f.origin.rule == rule]
    number, origin = origins[-1]
    severity = [f.severity for _, f in now.findings if f.alert == number][-1]
    return {
        "alert": number, "rule": rule, "subject_kind": origin.subject_kind.word, "subject": origin.subject,
        "severity": severity,
    }  # fmt: skip


class Timeline:
    """What happens in a home, and what is wanted of it. `asleep`: no tick within, as while nobody watches."""

    def __init__(self, home: dict[str, Any] | None = None) -> None:
        self._home = home
        self.acts: list[tuple[datetime, Callable[[Told], list[Finding]]]] = []
        self._wants: list[tuple[str, Between, str]] = []
        self._asleep: list[Between] = []

    def at(self, clock: str, day: int = 23) -> Moment:
        return Moment(self, at(clock, day))

    def asleep(self, when: Between) -> None:
        """Nobody looks at the clock within."""
        self._asleep.append(when)

    def want(self, what: str, when: Between, known: str = "", day: int = 23) -> None:
        """A change such as `raised P3` that became true then; `known` is when it is found, where that is later."""
        self._wants.append((what, when, known and at(known, day).isoformat()))

    def check(self, until: str, day: int = 23) -> None:
        """Nothing but what is wanted is found, in that order; also with a restart before an act or finding."""
        end = at(until, day)
        straight = self._play(end, set())
        self._compare(straight)
        moments = sorted({when for when, _ in self.acts} | {when for when, _ in straight.findings})
        for restart in moments[:: 1 + len(moments) // MOST_RESTARTS]:
            self._compare(self._play(end, {restart}))

    def _play(self, end: datetime, restarts: set[datetime]) -> Told:
        told = Told(started(self._home), self.acts[0][0])
        acts = sorted(self.acts, key=lambda act: act[0])
        while told.now <= end:
            if told.now in restarts:
                told.restart()
            while acts and acts[0][0] <= told.now:
                told.note(acts.pop(0)[1](told))
            self._tick(told)
            told.now = min([told.now + TICK, *(when for when, _ in acts)])
        return told

    def _tick(self, told: Told) -> None:
        if any(first <= told.now < last for first, last in self._asleep):
            return
        if told.line.engine.due(micros(told.now)):
            told.note(told.line.tick(told.now))

    def _compare(self, told: Told) -> None:
        found = [(f"{f.change} P{f.severity}", moment(f.at), known) for known, f in told.findings]
        says = [f"{what} {when.astimezone(SHANGHAI):%d %H:%M:%S}" for what, when, _ in found]
        assert [what for what, _, _ in found] == [what for what, _, _ in self._wants], says
        for (what, when, known), (_, wanted, wanted_known) in zip(found, self._wants, strict=True):
            assert wanted.first <= when <= wanted.last, (what, says)
            # Live it is found at the next tick; after a sleep when the clock is looked at again.
            late = known - when
            assert known.isoformat() == wanted_known if wanted_known else late <= TICK, (what, str(late))
