"""Durations as files and the API write them: `20s 5min 12h 7d`."""

import re

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LONGEST = 3650 * DAY

_UNITS = {"d": DAY, "h": HOUR, "min": MINUTE, "s": SECOND}
# ASCII digits only: \d would take digits of other scripts.
_DURATION = re.compile(r"([0-9]{1,9})(s|min|h|d)")


class BadDuration(ValueError):
    """The text is no duration; the message says what one looks like."""


def parse_duration(text: str) -> int:
    """Return microseconds; zero is a duration, more than ten years is not."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadDuration(f"{text[:40]!r} is no duration: write a whole number and s, min, h or d, such as 5min")
    micros = int(match[1]) * _UNITS[match[2]]
    if micros > LONGEST:
        raise BadDuration(f"{text!r} is longer than ten years")
    return micros


def format_duration(micros: int) -> str:
    """Return the shortest text that `parse_duration` reads back; whole seconds only."""
    if micros < 0 or micros % SECOND:
        raise BadDuration(f"{micros} microseconds are no whole number of seconds")
    for unit, size in _UNITS.items():
        if micros and micros % size == 0:
            return f"{micros // size}{unit}"
    return "0s"
