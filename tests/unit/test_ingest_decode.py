"""Messages to columns: flags, identities and refusals that the database is not needed for."""

import json
from typing import Any

import numpy as np
import pytest

from devices.columns import FLAG_DELAYED, FLAG_RETAINED, FLAG_STATELESS
from devices.directory import Directory
from ingest.decode import Decoded, Decoder
from ingest.delivery import Delivery

NOW = 1_795_000_000_000_000


@pytest.fixture
def decoder() -> Decoder:
    """Knows h1/d1, id 1."""
    directory = Directory()
    directory.id_of = {"h1/d1": 1}
    directory.gateway = np.zeros(2, np.int32)
    return Decoder(directory)


def _decode(decoder: Decoder, said: Any, channel: str = "event", **how: Any) -> Decoded:
    topic = how.pop("topic", f"shouwang/v1/h1/d1/{channel}")
    return decoder.decode([Delivery(NOW, topic, json.dumps(said).encode(), **how)], live=True)


def _flags(decoder: Decoder, said: Any, **how: Any) -> int:
    return int(_decode(decoder, said, **how).events["flags"][0])


def test_redelivered_state_without_time_changes_no_state(decoder: Decoder) -> None:
    """With neither at nor seq nobody can tell what came after it; an emergency raises all the same."""
    assert _flags(decoder, {"type": "door.opened"}, redelivered=True) == FLAG_STATELESS
    assert _flags(decoder, {"type": "door.opened", "seq": 1}, redelivered=True) == 0
    assert _flags(decoder, {"type": "door.opened", "at": NOW // 1000}, redelivered=True) == 0
    assert _flags(decoder, {"type": "sos.pressed"}, redelivered=True) == 0
    assert _flags(decoder, {"type": "door.opened"}) == 0


def test_retained_is_no_news(decoder: Decoder) -> None:
    """Marked; no life; an emergency is delayed however young its time looks."""
    assert _flags(decoder, {"type": "door.opened"}, retain=True) == FLAG_RETAINED
    decoded = _decode(decoder, {"type": "sos.pressed", "at": NOW // 1000}, retain=True)
    assert decoded.events["flags"].tolist() == [FLAG_RETAINED | FLAG_DELAYED]
    assert decoded.alive == []
    assert decoded.identities[0].own


def test_only_what_is_live_tells_of_a_clock(decoder: Decoder) -> None:
    """A gateway's batch, a replay and a redelivery may be old without any fault."""
    assert _decode(decoder, {"type": "door.opened"}).live.tolist() == [True]
    assert _decode(decoder, [{"type": "door.opened"}], channel="batch").live.tolist() == [False]
    assert _decode(decoder, {"type": "door.opened"}, retain=True).live.tolist() == [False]
    assert _decode(decoder, {"type": "door.opened"}, redelivered=True).live.tolist() == [False]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("shouwang/v1/h1/d1/command", "bad_channel"),
        ("shouwang/v1/h1/d1/other", "bad_channel"),
        ("shouwang/v1/h 1/d1/event", "bad_topic"),
        ("shouwang/v2/h1/d1/event", "bad_topic"),
        ("(not UTF-8)", "bad_topic"),
        ("shouwang/v1/h1/d2/event", "unknown_device"),
    ],
)
def test_topics_that_lead_nowhere(decoder: Decoder, topic: str, reason: str) -> None:
    """Refused whatever the payload; only an unknown device is worth another look."""
    decoded = _decode(decoder, {"type": "door.opened"}, topic=topic)
    assert [refusal.reason for refusal in decoded.refusals] == [reason]
    assert decoded.has_strangers == (reason == "unknown_device")
    assert len(decoded.events) == 0


def test_decoding_twice_is_decoding_once(decoder: Decoder) -> None:
    """A batch is decoded again when its device turns out to be registered."""
    first = _decode(decoder, {"type": "x.y", "id": "a"})
    second = _decode(decoder, {"type": "x.y", "id": "a"})
    assert first.identities == second.identities
    assert first.unnumbered == second.unnumbered == {"x.y": [0]}


def test_wrong_items_of_a_batch_lose_no_other(decoder: Decoder) -> None:
    """Each is refused with its own bytes."""
    decoded = _decode(decoder, [{"type": "door.opened"}, {"type": 5}, {"type": "door.closed"}], channel="batch")
    assert decoded.events["type"].tolist() == [1, 2]
    assert [refusal.payload for refusal in decoded.refusals] == [b'{"type": 5}']
