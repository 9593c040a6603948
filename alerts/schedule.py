"""Daily windows of local time as moments of UTC; summer time is the zone's own business."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

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


class Span:
    """One daily window (or all that lies outside it) in one time zone, as alternating edges."""

    def __init__(self, zone: str, start: time, end: time, *, outside: bool) -> None:
        self._zone, self._start, self._end, self._outside = _zone(zone), start, end, outside
        self._low = self._high = 0  # days since the epoch that the edges cover
        self._opens: I64 = np.empty(0, np.int64)
        self._shuts: I64 = np.empty(0, np.int64)

    def _cover(self, low: int, high: int) -> None:
        first, last = low // _DAY - 2, high // _DAY + 2
        if self._low <= first and last <= self._high and len(self._opens):
            return
        spread = (self._low, self._high) if len(self._opens) else (first, last)
        self._low, self._high = min(first, spread[0]) - _MARGIN, max(last, spread[1]) + _MARGIN
        crosses = timedelta(days=int(self._end <= self._start))
        days = [EPOCH.date() + timedelta(days=n) for n in range(self._low, self._high + 1)]
        starts = np.array([_edge(d, self._start, self._zone, last=False) for d in days])
        ends = np.array([_edge(d + crosses, self._end, self._zone, last=True) for d in days])
        self._opens, self._shuts = (ends[:-1], starts[1:]) if self._outside else (starts, ends)

    def first(self, moments: I64) -> I64:
        """For each moment, itself where it lies in the window, else the next opening."""
        if not len(moments):
            return moments
        self._cover(int(moments.min()), int(moments.max()))
        i = np.searchsorted(self._opens, moments, side="right")
        return np.where(moments < self._shuts[i - 1], moments, self._opens[i])

    def first_one(self, moment_: int) -> int:
        """The same for one moment."""
        self._cover(moment_, moment_)
        i = int(self._opens.searchsorted(moment_, side="right"))
        return moment_ if moment_ < self._shuts[i - 1] else int(self._opens[i])


@cache
def _span(zone: str, start: time, end: time, outside: bool) -> Span:
    """Edges are facts, the same for every engine."""
    return Span(zone, start, end, outside=outside)


class Schedule:
    """The windows in use, numbered; what it holds is derived from its arguments alone."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, time, time, bool], int] = {}
        self._spans: list[Span] = []

    def span(self, zone: str, start: time, end: time, *, outside: bool) -> int:
        """The number of a window."""
        key = (zone, start, end, outside)
        if key not in self._numbers:
            self._numbers[key] = len(self._spans)
            self._spans.append(_span(zone, start, end, outside))
        return self._numbers[key]

    def first_one(self, span: int, moment_: int) -> int:
        """The same as `first`, for one."""
        return moment_ if span == ALWAYS else self._spans[span].first_one(moment_)

    def first(self, spans: I32, moments: I64) -> I64:
        """For each moment, the first one not before it that lies in its window; ALWAYS is every moment."""
        result = moments.copy()
        for number in np.unique(spans):
            if number != ALWAYS:
                where = spans == number
                result[where] = self._spans[number].first(moments[where])
        return result
