"""Durations, event numbers, columns and the models' small rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.columns import EVENT_DTYPE, NO_BOOT, NO_SEQ, NO_TIME, boot_number, empty, flag_names
from devices.durations import DAY, HOUR, LONGEST, MINUTE, SECOND, BadDuration, format_duration, parse_duration
from devices.models import heartbeat_micros
from devices.types import EMERGENCY_IDS, EMERGENCY_TYPES, EVENT_TYPES, FIRST_UNKNOWN_ID


@pytest.mark.parametrize(
    ("text", "micros"),
    [("20s", 20 * SECOND), ("5min", 5 * MINUTE), ("12h", 12 * HOUR), ("7d", 7 * DAY), ("0s", 0), ("90s", 90 * SECOND)],
)
def test_durations(text: str, micros: int) -> None:
    """The four units of the contract."""
    assert parse_duration(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5m",
        "5 min",
        "min",
        "-5min",
        "1.5h",
        "5MIN",
        "5min ",
        "1h30min",
        "5weeks",
        "٥min",
        "3651d",
        "9" * 30 + "s",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused with a sentence."""
    with pytest.raises(BadDuration):
        parse_duration(text)


@given(st.integers(0, LONGEST // SECOND))
def test_durations_round_trip(seconds: int) -> None:
    """What is written is read back."""
    assert parse_duration(format_duration(seconds * SECOND)) == seconds * SECOND


@pytest.mark.parametrize("micros", [-1, 1, SECOND + 1, -SECOND])
def test_what_no_duration_says(micros: int) -> None:
    """Parts of a second and the past cannot be written."""
    with pytest.raises(BadDuration):
        format_duration(micros)


def test_numbers_of_types_are_fixed() -> None:
    """Stored events hold these numbers: a change here rewrites history."""
    assert list(EVENT_TYPES.values()) == list(range(1, len(EVENT_TYPES) + 1))
    assert (EVENT_TYPES["door.opened"], EVENT_TYPES["sos.pressed"], EVENT_TYPES["camera.disabled"]) == (1, 3, 26)
    assert len(EVENT_TYPES) < FIRST_UNKNOWN_ID


def test_emergencies() -> None:
    """SOS, fall, smoke and gas, and nothing else."""
    assert {name.split(".")[0] for name in EMERGENCY_TYPES} == {"sos", "fall", "smoke", "gas"}
    assert {EVENT_TYPES[name] for name in EMERGENCY_TYPES} == EMERGENCY_IDS
    assert len(EMERGENCY_IDS) == 8


def test_empty_columns() -> None:
    """Nothing is given in new rows, in the words that the database uses too."""
    events = empty(3)
    assert events.dtype == EVENT_DTYPE
    assert (events["at"] == NO_TIME).all()
    assert np.isnan(events["value"]).all()
    assert (events["seq"] == NO_SEQ).all()
    assert (events["boot"] == NO_BOOT).all()


def test_flag_names() -> None:
    """In the contract's order; what only steers the engine is not shown."""
    assert flag_names(0) == []
    assert flag_names(1 | 2 | 4 | 8 | 16) == ["delayed", "skewed", "test"]


@given(st.text(max_size=128))
def test_boot_numbers(boot: str) -> None:
    """A boot's number fits its column and is never the one for none."""
    number = boot_number(boot)
    assert number == np.int32(number)
    assert number != NO_BOOT


def test_heartbeats_by_kind() -> None:
    """Cameras, gateways and guards beat every minute unless told otherwise; others not at all."""
    assert heartbeat_micros("camera", None) == MINUTE
    assert heartbeat_micros("door_sensor", None) is None
    assert heartbeat_micros("door_sensor", "1h") == HOUR
    assert heartbeat_micros("guard", "0s") is None
