"""Batches, heartbeats, statuses and topics; and that no bytes at all make a decoder fail in another way."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.codec import (
    BATCH_BYTES,
    MOST_REJECTED,
    STATE_BYTES,
    Rejected,
    Topic,
    Undecodable,
    WireEvent,
    decode_batch,
    decode_event,
    decode_heartbeat,
    decode_status,
    detail_json,
    parse_topic,
)
from devices.columns import NO_TIME

PLAIN = b'{"type":"door.opened","seq":%d,"boot":"b"}'
BAD_ITEMS = [
    (b'{"type":"door.opened","value":NaN}', "not_json"),
    (b'{"type":"door.opened"', "not_json"),
    (b'{"type":"door.opened","data":{"x":[1,', "not_json"),
    (b'{"type":"door.opened}', "not_json"),
    (b"{broken", "not_json"),
    (b'{"type":"door.opened","id":"\xff"}', "not_utf8"),
    (b'{"type":"door.opened","id":"\\u0000"}', "nul_character"),
    (b'{"type":"door.opened","id":"\\ud800"}', "not_json"),
    (b'{"type":"door.opened","seq":' + b"1" * 30 + b"}", "number_out_of_range"),
    (b'{"type":"door.opened","at":"2026-11-23T02:10:00"}', "no_offset"),
    (b'{"type":"door.opened","zz":"],["}x', "not_json"),
    (b'{"value":1}', "missing_type"),
    (b'{"type":""}', "bad_value"),
    (b'{"type":"a","data":{"x":' + b"[" * 9_000 + b"]" * 9_000 + b"}}", "too_deep"),
    (b'{"type":"a","id":"' + b"x" * 70_000 + b'"}', "too_large"),
    (b"null", "wrong_type"),
    (b"7", "wrong_type"),
    (b"[]", "wrong_type"),
    (b"", "not_json"),
]


def batch(*items: bytes) -> bytes:
    return b"[" + b",".join(items) + b"]"


def reasons(items: list[WireEvent | Rejected]) -> list[str]:
    return [item.reason for item in items if isinstance(item, Rejected)]


def test_a_gateways_batch() -> None:
    """Items keep their order and the child that each speaks for."""
    got = decode_batch(b'[{"type":"door.opened","device":"mag-1"}, {"type":"leak.detected","device":"leak-1"}]')
    assert [(e.type, e.device) for e in got if isinstance(e, WireEvent)] == [
        ("door.opened", "mag-1"),
        ("leak.detected", "leak-1"),
    ]


@pytest.mark.parametrize("payload", [b"[]", b" [ ] "])
def test_an_empty_batch(payload: bytes) -> None:
    """Nothing happened: no event and no error."""
    assert decode_batch(payload) == []


@pytest.mark.parametrize(("bad", "reason"), BAD_ITEMS, ids=[f"{reason}-{n}" for n, (_, reason) in enumerate(BAD_ITEMS)])
def test_one_bad_item_among_two_thousand(bad: bytes, reason: str) -> None:
    """The one is rejected with its own bytes and reason, the 1,999 others are there in order."""
    items = [PLAIN % n for n in range(2_000)]
    items[1_234] = bad
    got = decode_batch(batch(*items))
    rejected = got.pop(1_234)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.payload) == (reason, bad)
    assert [e.seq for e in got if isinstance(e, WireEvent)] == [n for n in range(2_000) if n != 1_234]


def test_a_cut_batch() -> None:
    """What arrived whole is kept, the torn end is rejected."""
    got = decode_batch(batch(*(PLAIN % n for n in range(10)))[:-20])
    assert [isinstance(item, Rejected) for item in got] == [False] * 9 + [True]


def test_something_behind_a_batch() -> None:
    """The events are kept, what stands behind the array is rejected."""
    got = decode_batch(batch(PLAIN % 1) + b" [1]")
    assert [isinstance(item, Rejected) for item in got] == [False, True]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_utf8"),
        (b"{}", "wrong_type"),
        (b'{"type":"door.opened"}', "wrong_type"),
        (b"null", "wrong_type"),
        (b" " * (BATCH_BYTES + 1), "too_large"),
        (b"[" * 1024 * 1024, "too_large"),
    ],
)
def test_what_is_no_batch(payload: bytes, reason: str) -> None:
    """A payload that is no array is refused as a whole."""
    with pytest.raises(Undecodable) as caught:
        decode_batch(payload)
    assert caught.value.reason == reason


@pytest.mark.parametrize("filling", [b"[", b"{,", b'{"', b",{[", b"[{},"])
def test_garbage_of_full_size(filling: bytes) -> None:
    """A quarter of a megabyte of brackets is refused item by item, without reading it over and over."""
    payload = b"[" + filling * (BATCH_BYTES // len(filling) - 1)
    assert set(reasons(decode_batch(payload))) <= {"too_large", "not_json", "too_deep", "wrong_type", "missing_type"}


def test_heartbeats() -> None:
    """Empty, or what the device knows of itself."""
    assert decode_heartbeat(b"").at == decode_heartbeat(b" \n").at == decode_heartbeat(b"{}").at == NO_TIME
    beat = decode_heartbeat(b'{"battery":97,"rssi":-61.5,"at":1763834000123,"uptime":5}')
    assert (beat.battery, beat.rssi, beat.at) == (97, -61.5, 1_763_834_000_123_000)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"alive", "not_json"),
        (b"[]", "wrong_type"),
        (b'{"battery":"97"}', "wrong_type"),
        (b'{"battery":true}', "wrong_type"),
        (b'{"rssi":1e400}', "number_out_of_range"),
        (b'{"at":"2026-11-23T02:10:00"}', "no_offset"),
        (b"\xff", "not_utf8"),
        (b"x" * (STATE_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_heartbeat(payload: bytes, reason: str) -> None:
    """A broken heartbeat has a reason as well."""
    with pytest.raises(Undecodable) as caught:
        decode_heartbeat(payload)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "payload", [b"online", b" online\n", b'"online"', b'{"state":"online"}', b'{"state":"online","x":1}']
)
def test_statuses(payload: bytes) -> None:
    """Plain, as JSON text or in an object."""
    assert decode_status(payload) == "online"
    assert decode_status(payload.replace(b"online", b"offline")) == "offline"


@pytest.mark.parametrize("payload", [b"", b" "])
def test_a_cleared_status(payload: bytes) -> None:
    """The empty payload that clears a retained status says nothing and is no error."""
    assert decode_status(payload) is None


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"asleep", "not_json"),
        (b'"asleep"', "bad_value"),
        (b'{"state":"asleep"}', "bad_value"),
        (b'{"state":true}', "wrong_type"),
        (b"{}", "wrong_type"),
        (b"1", "wrong_type"),
        (b"\xff", "not_utf8"),
        (b"x" * (STATE_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_status(payload: bytes, reason: str) -> None:
    """Anything but online and offline is refused."""
    with pytest.raises(Undecodable) as caught:
        decode_status(payload)
    assert caught.value.reason == reason


@pytest.mark.parametrize("channel", ["event", "batch", "heartbeat", "status", "command"])
def test_topics(channel: str) -> None:
    """A topic names site, device and channel."""
    assert parse_topic(f"shouwang/v1/h-1/mag_1/{channel}") == Topic("h-1", "mag_1", channel)  # type: ignore[arg-type]  # a channel


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("", "bad_topic"),
        ("shouwang/v1/h1/mag-1", "bad_topic"),
        ("shouwang/v1/h1/mag-1/event/x", "bad_topic"),
        ("shouwang/v2/h1/mag-1/event", "bad_topic"),
        ("Shouwang/v1/h1/mag-1/event", "bad_topic"),
        ("shouwang/v1//mag-1/event", "bad_topic"),
        ("shouwang/v1/h1/mag 1/event", "bad_topic"),
        ("shouwang/v1/h1/mag-1\n/event", "bad_topic"),
        ("shouwang/v1/h1/门/event", "bad_topic"),
        ("shouwang/v1/h1/" + "x" * 65 + "/event", "bad_topic"),
        ("shouwang/v1/h1/mag-1/events", "bad_channel"),
        ("shouwang/v1/h1/mag-1/", "bad_channel"),
    ],
)
def test_what_is_no_topic(topic: str, reason: str) -> None:
    """Anything else is refused."""
    with pytest.raises(Undecodable) as caught:
        parse_topic(topic)
    assert caught.value.reason == reason


# A loaded machine generates slowly; that is no finding.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(["type", "at", "seq", "boot", "id", "value", "unit", "battery", "rssi", "test", "data", "zz"])
objects = st.dictionaries(fields, json_values | st.datetimes().map(str), max_size=8)
any_bytes = st.binary(max_size=200) | objects.map(lambda o: json.dumps(o).encode())


def outcome(decoder: Callable[[bytes], object], payload: bytes) -> str:
    try:
        decoder(payload)
    except Undecodable as error:
        return error.reason
    return "taken"


@patient
@given(any_bytes)
def test_no_bytes_fail_in_another_way(payload: bytes) -> None:
    """Each decoder returns or raises Undecodable, whatever comes."""
    decoders = (decode_event, decode_batch, decode_heartbeat, decode_status)
    assert all(outcome(decoder, payload) for decoder in decoders)


@patient
@given(st.dictionaries(fields, json_values, max_size=8), st.sampled_from(["door.opened", "contract.mark"]))
def test_what_is_accepted_can_be_stored(fuzzed: dict[str, Any], name: str) -> None:
    """Whatever passes is within the bounds of the columns, and its detail within those of jsonb."""
    try:
        event = decode_event(json.dumps({**fuzzed, "type": name}).encode())
    except Undecodable:
        return
    assert -1 <= event.seq < 2**63
    assert math.isnan(event.value) or abs(event.value) <= 2.0**63
    detail = detail_json(event)
    assert b"\\u0000" not in detail
    assert all(abs(n) < 2**63 for n in _integers(json.loads(detail.decode())))


@patient
@given(st.lists(any_bytes, max_size=6), st.integers(0, 6))
def test_no_neighbour_loses_an_event(neighbours: list[bytes], at: int) -> None:
    """An event before all broken neighbours, and one behind sound JSON, is never lost."""
    sound = [n for n in neighbours if _is_json(n)]
    sound.insert(min(at, len(sound)), b'{"type":"sos.pressed","id":"kept"}')
    assert "kept" in [e.id for e in decode_batch(batch(*sound)) if isinstance(e, WireEvent)]
    first = decode_batch(batch(b'{"type":"sos.pressed","id":"kept"}', *neighbours))[0]
    assert isinstance(first, WireEvent)


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True


def _integers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [n for inner in value.values() for n in _integers(inner)]
    if isinstance(value, list):
        return [n for inner in value for n in _integers(inner)]
    return [value] if isinstance(value, int) else []


def test_a_batch_of_rubbish_is_not_read_to_its_end() -> None:
    """A thousand refused items are enough; what stood among them is kept, the rest is one refusal."""
    good = b'{"type":"door.opened"}'
    got = decode_batch(b"[" + good + b"," + b"[]," * 80_000 + good + b"]")
    assert len(got) == 1 + MOST_REJECTED + 1
    assert isinstance(got[0], WireEvent)
    assert isinstance(got[-1], Rejected)
    assert got[-1].reason == "too_many_rejected"
