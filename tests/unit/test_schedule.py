"""Daily windows of local time, through the changes of summer time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.schedule import ALWAYS, Schedule, micros, moment

MINUTE = 60_000_000
NIGHT = (time(23), time(6))
BERLIN_CHANGES = (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC))


def inside(at: int, zone: str, window: tuple[time, time]) -> bool:
    wall = moment(at).astimezone(ZoneInfo(zone)).time()
    start, end = window
    return start <= wall < end if start < end else wall >= start or wall < end


def scanned(at: int, zone: str, window: tuple[time, time], *, outside: bool) -> int:
    """The first minute not before `at` that lies in the window, found by looking at every one."""
    while inside(at, zone, window) == outside:
        at += MINUTE
    return at


@given(
    st.sampled_from(BERLIN_CHANGES),
    st.integers(0, 60 * 40),
    st.sampled_from([("Europe/Berlin", NIGHT), ("Europe/Berlin", (time(6), time(22, 30))), ("Asia/Shanghai", NIGHT)]),
    st.booleans(),
)
def test_it_is_what_a_clock_on_the_wall_shows(
    around: datetime, minutes: int, window: tuple[str, tuple[time, time]], outside: bool
) -> None:
    """Around both changes of summer time, the result is the first minute at which the local clock reads so."""
    zone, between = window
    at = micros(around + timedelta(minutes=minutes))
    schedule = Schedule()
    span = schedule.span(zone, *between, outside=outside)
    wanted = scanned(at, zone, between, outside=outside)
    assert schedule.first_one(span, at) == wanted
    both = schedule.first(np.array([span, ALWAYS], np.int32), np.array([at, at]))
    assert list(both) == [wanted, at]


@pytest.mark.parametrize(
    ("window", "opens"),
    [
        ((time(2, 30), time(5)), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # 02:30 is skipped: read as 03:30
        ((time(3), time(5)), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ],
)
def test_a_window_that_begins_in_the_skipped_hour_still_opens(window: tuple[time, time], opens: datetime) -> None:
    """A night without 02:30 has its window all the same."""
    schedule = Schedule()
    span = schedule.span("Europe/Berlin", *window, outside=False)
    assert moment(schedule.first_one(span, micros(datetime(2026, 3, 29, 0, tzinfo=UTC)))) == opens


def test_a_window_that_ends_in_the_repeated_hour_ends_the_second_time() -> None:
    """Where the clock reads 02:30 twice, the watch of the night lasts until the second."""
    schedule = Schedule()
    span = schedule.span("Europe/Berlin", time(23), time(2, 30), outside=True)
    at = micros(datetime(2026, 10, 25, 0, 45, tzinfo=UTC))  # 02:45, the first time
    assert moment(schedule.first_one(span, at)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_edges_of_far_apart_years() -> None:
    """A window knows its edges wherever it is asked, in any order."""
    schedule = Schedule()
    span = schedule.span("Asia/Shanghai", *NIGHT, outside=False)
    for year in (2026, 1971, 2060, 2026):
        noon = micros(datetime(year, 7, 1, 4, tzinfo=UTC))
        assert moment(schedule.first_one(span, noon)) == datetime(year, 7, 1, 15, tzinfo=UTC)
