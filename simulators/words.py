"""How scenario files write durations and hours of the day, and how a file's values become typed rows."""

import re
from datetime import timedelta
from typing import Any, Self, TypeVar

import msgspec

Row = TypeVar("Row")

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|min|h|d)")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_AT = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_NAMED = re.compile(r"`([a-z_]+)`")
_FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")

LONGEST = timedelta(days=366)
DAY = 86_400.0  # seconds


class Span(timedelta):
    """A duration as files write it: `300ms 20s 1.5min 12h 7d`."""

    @classmethod
    def read(cls, text: object) -> Self:
        """ValueError says what one looks like."""
        match = _SPAN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"{str(text)[:40]!r} is no duration: a number and ms, s, min, h or d, such as 20s or 5min")
        span = cls(seconds=round(float(match[1]) * _UNITS[match[2]], 3))
        if span > LONGEST:
            raise ValueError(f"{text!r} is longer than a year")
        return span


class Hours:
    """A window of local time, in seconds of the day; it may cross midnight."""

    __slots__ = ("begin", "end")

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, end

    @classmethod
    def read(cls, text: object) -> Self:
        """ValueError says what one looks like."""
        match = _HOURS.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"{str(text)[:40]!r} is no window of a day: write such as 06:00-22:00")
        hour, minute = match[3] or match[5], match[4] or match[6]
        begin, end = int(match[1]) * 3600.0 + int(match[2]) * 60.0, int(hour) * 3600.0 + int(minute) * 60.0
        if begin == end:
            raise ValueError(f"{text!r} is empty")
        return cls(begin, end)

    def holds(self, second: float) -> bool:
        if self.begin < self.end:
            return self.begin <= second < self.end
        return second >= self.begin or second < self.end


class BadRow(ValueError):
    """One table of a file is wrong; `key` may be empty."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def converted(value: Any, kind: type[Row]) -> Row:
    """The table as a row of that kind. Raises BadRow with the key."""
    try:
        return msgspec.convert(value, kind, dec_hook=_special)
    except msgspec.ValidationError as error:
        message, key = str(error), ""
        if match := _AT.fullmatch(message):
            message, key = match[1], match[2]
        if match := _FIELD.search(message) or _NAMED.match(message):
            key = f"{key}.{match[1]}".strip(".")
        raise BadRow(key, message) from error


def _special(kind: type, value: object) -> object:
    if kind is Span:
        return Span.read(value)
    if kind is Hours:
        return Hours.read(value)
    raise NotImplementedError(kind)
