"""An emergency raises although something else in its message is wrong; the message is in quarantine as well."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.columns import NO_SEQ, NO_TIME
from devices.directory import Directory
from devices.rescue import CALLS, rescued
from devices.types import EVENT_TYPES
from ingest.decode import Decoded, Decoder
from ingest.delivery import Delivery

NOW = 1_795_000_000_000_000
WRONG: list[tuple[str, bytes]] = [
    ("id is a number", b'"id":5'),
    ("value is text", b'"value":"high"'),
    ("value is NaN", b'"value":NaN'),
    ("at without offset", b'"at":"2026-11-23T02:10:00"'),
    ("at beyond the years", b'"at":99999999999999999'),
    ("seq of thirty digits", b'"seq":' + b"9" * 30),
    ("NUL in the id", b'"id":"a\\u0000b"'),
    ("half a surrogate pair", b'"id":"\\ud800"'),
    ("invalid UTF-8", b'"boot":"\xff"'),
    ("data is a list", b'"data":[1]'),
    ("data too deep", b'"data":' + b'{"a":' * 40 + b"1" + b"}" * 40),
    ("too large", b'"data":{"x":"' + b"y" * 65_536 + b'"}'),
]


@pytest.mark.parametrize(("name", "field"), WRONG)
def test_one_wrong_field_loses_no_press(name: str, field: bytes) -> None:
    """The wrong field is left out; the right ones stand."""
    event = rescued(b'{"type":"sos.pressed",' + field + b',"unit":"right"}')
    assert event is not None, name
    assert (event.type, event.unit, event.at, event.seq, event.id) == ("sos.pressed", "right", NO_TIME, NO_SEQ, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"sos.pressed"',
        b"[]",
        b"",
        b'"sos.pressed"',
        b'{"type":["sos.pressed"]}',
        b'{"a":' * 5000,
        b'{"type":"sos.cancelled"}',
        b'{"type":"door.opened","id":5}',
        b'{"type":"smoke.cleared","id":5}',
    ],
)
def test_what_names_no_emergency_is_left_alone(payload: bytes) -> None:
    """Broken JSON, another type, and a word that takes a call back, which must be right to count."""
    assert rescued(payload) is None


def test_only_what_calls_for_help_is_rescued() -> None:
    """The calls are named by the contract's words."""
    assert {"sos.pressed", "fall.detected", "smoke.detected", "gas.detected"} == CALLS <= set(EVENT_TYPES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["at", "seq", "boot", "id", "value", "data", "test", "unit", "device"]), JSON))
def test_whatever_the_other_fields_are(fields: dict[str, Any]) -> None:
    """No field of any shape keeps an emergency from being told."""
    event = rescued(json.dumps({**fields, "type": "fall.detected"}).encode())
    assert event is not None
    assert event.type == "fall.detected"


@pytest.fixture
def decoder() -> Decoder:
    """Knows the gateway h1/gw, id 1, its child h1/sos, id 2, and h1/other, id 3."""
    directory = Directory()
    directory.id_of = {"h1/gw": 1, "h1/sos": 2, "h1/other": 3}
    directory.gateway = np.array([0, 0, 1, 0], np.int32)
    return Decoder(directory)


def _decode(decoder: Decoder, said: Any, device: str, channel: str) -> Decoded:
    topic = f"shouwang/v1/h1/{device}/{channel}"
    return decoder.decode([Delivery(NOW, topic, json.dumps(said).encode())], live=True)


def _told(decoded: Decoded) -> tuple[list[int], list[str]]:
    return decoded.events["device"].tolist(), [refusal.reason for refusal in decoded.refusals]


def test_it_raises_and_is_kept(decoder: Decoder) -> None:
    """The event is among the events, without identity, and its message in quarantine with the reason."""
    decoded = _decode(decoder, {"type": "sos.pressed", "id": 5}, "sos", "event")
    assert _told(decoded) == ([2], ["wrong_type"])
    assert decoded.events["type"].tolist() == [EVENT_TYPES["sos.pressed"]]
    assert not decoded.identities[0].own


def test_an_item_of_a_batch_speaks_for_its_device(decoder: Decoder) -> None:
    """Also where its message is no array at all; a stranger's word stays with the strangers."""
    bad = {"type": "sos.pressed", "id": 5, "device": "sos"}
    assert _told(_decode(decoder, [{"type": "door.opened"}, bad], "gw", "batch")) == ([1, 2], ["wrong_type"])
    assert _told(_decode(decoder, bad, "gw", "batch")) == ([2], ["wrong_type"])
    assert _told(_decode(decoder, [{**bad, "device": "other"}], "gw", "batch")) == ([], ["wrong_type", "not_parent"])


@pytest.mark.parametrize("channel", ["heartbeat", "status", "command"])
def test_other_channels_raise_nothing(decoder: Decoder, channel: str) -> None:
    """An emergency is an event."""
    assert _told(_decode(decoder, {"type": "sos.pressed", "id": 5}, "sos", channel))[0] == []
