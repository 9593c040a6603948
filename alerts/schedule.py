"""Daily windows of local time as moments of UTC; summer time is the zone's own business."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from alerts.findings import NEVER
from alerts.table import I32, I64

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_MICRO = timedelta(microseconds=1)
_MARGIN = 60  # days of edges that are made ahead of a need, on either side
ALWAYS = -1


def micros(moment: datetime) -> int:
    """Microseconds since the epoch; exact."""
    return (moment - EPOCH) // _MICRO


def moment(micros_: int) -> datetime:
    """The aware UTC time of microseconds since the epoch; exact."""
    return EPOCH + timedelta(microseconds=micros_)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _edge(day: date, at: time, zone: ZoneInfo, *, last: bool) -> int:
    """When the local clock reads `at`: the first such moment, or the last where it reads so twice.

    A time that the clock skips is read by the offset before the change, an hour later by the new one.
    """
    local = datetime.combine(day, at, tzinfo=zone)
    first = micros(local)
    return max(first, micros(local.replace(fold=1))) if last else first


Window = tuple[time, time]


class Span:
    """Daily windows (or all that lies outside them) in one time zone, as alternating edges."""

    def __init__(self, zone: str, windows: tuple[Window, ...], *, outside: bool) -> None:
        self._zone, self._windows, self._outside = _zone(zone), windows, outside
        self._covered: tuple[int, int] | None = None  # days since the epoch
        self._opens: I64 = np.empty(0, np.int64)
        self._shuts: I64 = np.empty(0, np.int64)

    def _cover(self, low: int, high: int) -> None:
        first, last = low // _DAY - 2, high // _DAY + 2
        if self._covered is not None:
            if self._covered[0] <= first and last <= self._covered[1]:
                return
            first, last = min(first, self._covered[0]), max(last, self._covered[1])
        self._covered = first - _MARGIN, last + _MARGIN
        days = [EPOCH.date() + timedelta(days=n) for n in range(self._covered[0], self._covered[1] + 1)]
        starts, ends = _merged([edges for window in self._windows for edges in self._edges(days, window)])
        self._opens, self._shuts = (ends[:-1], starts[1:]) if self._outside else (starts, ends)

    def _edges(self, days: list[date], window: Window) -> list[tuple[int, int]]:
        start, end = window
        crosses = timedelta(days=int(end <= start))
        return [
            (_edge(day, start, self._zone, last=False), _edge(day + crosses, end, self._zone, last=True))
            for day in days
        ]  # fmt: skip

    def first(self, moments: I64) -> I64:
        """For each moment, itself where it lies in the window, else the next opening; NEVER where there is none."""
        if not len(moments):
            return moments
        self._cover(int(moments.min()), int(moments.max()))
        if not len(self._opens):
            return np.full(len(moments), NEVER, np.int64)
        i = np.searchsorted(self._opens, moments, side="right")
        return np.where(moments < self._shuts[i - 1], moments, self._opens[i])

    def ends(self, moments: I64) -> I64:
        """For each moment, when the window in which it lies is over; the moment itself where it lies in none."""
        if not len(moments):
            return moments
        self._cover(int(moments.min()), int(moments.max()))
        if not len(self._opens):
            return moments
        shuts = self._shuts[np.searchsorted(self._opens, moments, side="right") - 1]
        return np.maximum(shuts, moments)

    def first_one(self, moment_: int) -> int:
        """The same as `first`, for one moment."""
        self._cover(moment_, moment_)
        if not len(self._opens):
            return NEVER
        i = int(self._opens.searchsorted(moment_, side="right"))
        return moment_ if moment_ < self._shuts[i - 1] else int(self._opens[i])


def _merged(windows: list[tuple[int, int]]) -> tuple[I64, I64]:
    """What windows cover together: those that touch become one."""
    starts, ends = np.array(sorted(windows), np.int64).T
    ends = np.maximum.accumulate(ends)
    apart = starts[1:] > ends[:-1]
    return starts[np.append(True, apart)], ends[np.append(apart, True)]


@cache
def _span(zone: str, windows: tuple[Window, ...], outside: bool) -> Span:
    """Edges are facts, the same for every engine."""
    return Span(zone, windows, outside=outside)


class Schedule:
    """The windows in use, numbered; what it holds is derived from its arguments alone."""

    TRANSIENT: ClassVar = frozenset({"_spans"})

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, tuple[Window, ...], bool], int] = {}
        self._spans: list[Span] = []

    def restored(self) -> None:
        """The numbers came from a checkpoint: what they stand for is made again."""
        self._spans[:] = [_span(*key) for key in self._numbers]

    def span(self, zone: str, start: time, end: time, *, outside: bool) -> int:
        """The number of a window."""
        return self._number(zone, ((start, end),), outside)

    def off_hours(self, zone: str, windows: tuple[Window, ...]) -> int:
        """The number of all that lies outside some windows; of none, that is always."""
        return self._number(zone, windows, True) if windows else ALWAYS

    def _number(self, zone: str, windows: tuple[Window, ...], outside: bool) -> int:
        key = (zone, windows, outside)
        if key not in self._numbers:
            self._numbers[key] = len(self._spans)
            self._spans.append(_span(*key))
        return self._numbers[key]

    def first_one(self, span: int, moment_: int) -> int:
        """The same as `first`, for one."""
        return moment_ if span == ALWAYS else self._spans[span].first_one(moment_)

    def ends(self, spans: I32, moments: I64) -> I64:
        """For each moment, when the window in which it lies is over: never for ALWAYS, at once where it is in none."""
        result = np.full(len(moments), NEVER, np.int64)
        for number in np.unique(spans):
            if number != ALWAYS:
                where = spans == number
                result[where] = self._spans[number].ends(moments[where])
        return result

    def first(self, spans: I32, moments: I64) -> I64:
        """For each moment, the first one not before it that lies in its window; ALWAYS is every moment."""
        result = moments.copy()
        for number in np.unique(spans):
            if number != ALWAYS:
                where = spans == number
                result[where] = self._spans[number].first(moments[where])
        return result
