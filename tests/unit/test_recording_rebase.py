"""Moving a recording in time."""

from datetime import UTC, datetime, timedelta

import pytest

from simulators.rebase import rebased, shift_to
from simulators.recording import Line

FIRST = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def payload_after(payload: bytes, shift: timedelta = HOUR) -> bytes:
    """The payload of a line that was moved."""
    return rebased(Line(at=FIRST, topic="t", payload=payload), shift).payload


@pytest.mark.parametrize(
    ("payload", "moved"),
    [
        (b'{"type":"x","at":"2026-03-02T21:00:00.250+08:00"}', b'{"type":"x","at":"2026-03-02T22:00:00.250+08:00"}'),
        (b'{"at":"2026-03-02T23:30:00Z","value":1.20}', b'{"at":"2026-03-03T00:30:00.000+00:00","value":1.20}'),
        (b'{"at":1000,"id":"a"}', b'{"at":3601000,"id":"a"}'),
        (b'[{"at":0},{"type":"y"}, 5]', b'[{"at":3600000},{"type":"y"},5]'),
    ],
)
def test_times_move_and_nothing_else(payload: bytes, moved: bytes) -> None:
    """The `at` of an event, of each of a batch: in its own form and offset; other values keep their text."""
    assert payload_after(payload) == moved


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"x"}',
        b'{"at":"2026-03-02T21:00:00"}',
        b'{"at":"soon"}',
        b'{"at":1e99}',
        b'{"at":',
        b"offline",
        b"",
        b"[1",
    ],
)
def test_a_payload_without_a_good_time_stays(payload: bytes) -> None:
    """What was recorded broken is played broken."""
    assert payload_after(payload) == payload


def test_a_time_beyond_the_calendar_stays() -> None:
    """A shift past year 9999 leaves the payload as it is."""
    payload = b'{"at":"9999-12-31T23:59:59Z"}'
    assert payload_after(payload) == payload


@pytest.mark.parametrize(
    ("speed", "first_line_at"),
    [(1.0, NOW), (0.5, NOW), (2.0, NOW - HOUR), (float("inf"), NOW - 2 * HOUR)],
)
def test_no_line_is_ahead_of_its_playing(speed: float, first_line_at: datetime) -> None:
    """At speed 1 a line is played at its own time; faster, the last one is; slower, the first one."""
    assert FIRST + shift_to(NOW, first=FIRST, last=FIRST + 2 * HOUR, speed=speed) == first_line_at
