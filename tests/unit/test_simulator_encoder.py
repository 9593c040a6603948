"""The simulators' own encoder of the contract."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulators.encoder import Said, encode_batch, encode_event, encode_heartbeat, encode_status, topic, wire_time

AT = datetime(2026, 11, 23, 2, 10, 0, 123_000, tzinfo=timezone(timedelta(hours=8)))


def test_the_event_of_the_contract() -> None:
    """Every field of the contract's example comes out under its name, in its form."""
    said = Said(
        type="door.opened",
        at=AT,
        seq=4711,
        boot="a1b2",
        id="01J",
        value=1.2,
        unit="m3",
        battery=97,
        rssi=-61,
        test=False,
        data={"a": 1},
    )
    assert json.loads(encode_event(said)) == {
        "type": "door.opened",
        "at": "2026-11-23T02:10:00.123+08:00",
        "seq": 4711,
        "boot": "a1b2",
        "id": "01J",
        "value": 1.2,
        "unit": "m3",
        "battery": 97,
        "rssi": -61,
        "test": False,
        "data": {"a": 1},
    }


def test_what_is_not_given_is_left_out() -> None:
    """An event may be its type alone."""
    assert encode_event(Said(type="sos.pressed")) == b'{"type":"sos.pressed"}'


def test_a_batch_names_the_child() -> None:
    """A gateway's items carry the device that they speak for."""
    batch = encode_batch([Said(type="bed.left", device="mat"), Said(type="motion.detected", device="pir")])
    assert [item["device"] for item in json.loads(batch)] == ["mat", "pir"]


def test_heartbeat_and_status() -> None:
    """A heartbeat may be empty; a status is plain text."""
    assert encode_heartbeat() == b""
    assert json.loads(encode_heartbeat(battery=90, at=AT)) == {"battery": 90, "at": "2026-11-23T02:10:00.123+08:00"}
    assert (encode_status("offline"), topic("h1", "cam", "status")) == (b"offline", "shouwang/v1/h1/cam/status")


def test_a_time_needs_an_offset() -> None:
    """A naive time is refused before it can reach a wire."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 -- the naive time is the point
    with pytest.raises(ValueError, match="offset"):
        Said(type="motion.detected", at=naive)
    with pytest.raises(ValueError, match="offset"):
        wire_time(naive)


def test_microseconds_are_kept_where_there_are_any() -> None:
    """Milliseconds are the habit, but nothing is cut off."""
    assert wire_time(datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)).endswith("00.000005+00:00")
