"""Device time, receive time, and which one counts."""

import numpy as np
import pytest

from devices.columns import NO_TIME
from ingest.clocks import DELAYED, LAG, LAGGING_EVENTS, OLDEST, SECOND, LagWatch, effective_times

NOW = 1_795_000_000 * SECOND
I64 = np.int64


@pytest.mark.parametrize(
    ("at", "effective", "skewed"),
    [
        (NOW, NOW, False),
        (NOW - 5 * SECOND, NOW - 5 * SECOND, False),
        (NOW - OLDEST, NOW - OLDEST, False),
        (NOW - OLDEST - 1, NOW, True),
        (NOW + 1, NOW, False),
        (NOW + 60 * SECOND, NOW, False),
        (NOW + 60 * SECOND + 1, NOW, True),
        (NO_TIME, NOW, False),
        (-62_135_510_400_000_000, NOW, True),
        (253_402_128_000_000_000, NOW, True),
    ],
)
def test_effective_time(at: int, effective: int, skewed: bool) -> None:
    """Device time from 7 days before to 60 s after receipt, never later than receipt; else receipt, marked."""
    times = effective_times(np.array([at], I64), np.array([NOW], I64))
    assert times.effective.tolist() == [effective]
    assert times.skewed.tolist() == [skewed]


def _observe(watch: LagWatch, lags: list[int], *, live: bool = True, device: int = 3) -> list[bool]:
    n = len(lags)
    received = np.full(n, NOW, I64)
    lagging = watch.observe(
        np.full(n, device, np.int32), received - np.array(lags, I64), received, np.full(n, live, np.bool_)
    )
    watch.adopt(lagging)
    return [bool(x) for x in lagging.skewed]


def test_fifth_lagging_event_in_a_row_is_skewed() -> None:
    """Five live events that all lag by more than 5 minutes: the clock is not believed from the fifth on."""
    watch = LagWatch()
    assert _observe(watch, [LAG + 1] * 3) == [False] * 3
    assert _observe(watch, [LAG + 1] * 3) == [False, True, True]
    assert watch.skewed_devices() == [3]


def test_one_timely_event_ends_it() -> None:
    """All of the last five must lag."""
    watch = LagWatch()
    assert _observe(watch, [LAG + 1] * 4 + [0] + [LAG + 1] * 4) == [False] * 9
    assert _observe(watch, [LAG + 1, 0]) == [True, False]
    assert watch.skewed_devices() == []


def test_backlog_says_nothing_of_a_clock() -> None:
    """What is not live neither counts nor ends a streak."""
    watch = LagWatch()
    assert _observe(watch, [LAG + 1] * 9, live=False) == [False] * 9
    assert _observe(watch, [LAG + 1] * 4) == [False] * 4
    _observe(watch, [0], live=False)
    assert _observe(watch, [LAG + 1]) == [True]


def test_nothing_is_remembered_before_adoption() -> None:
    """A batch that is rolled back and tried again is judged the same."""
    watch = LagWatch()
    received = np.full(5, NOW, I64)
    for _ in range(2):
        found = watch.observe(np.full(5, 1, np.int32), received - LAG - 1, received, np.full(5, True))
        assert found.skewed.tolist() == [False] * (LAGGING_EVENTS - 1) + [True]


def test_known_skew_survives_a_restart() -> None:
    """Loaded devices are skewed from their first lagging event."""
    watch = LagWatch()
    watch.load([3])
    assert _observe(watch, [LAG + 1]) == [True]


def test_delay_is_the_contract_s_minute() -> None:
    """An emergency is `delayed` beyond 60 s."""
    assert DELAYED == 60 * SECOND
