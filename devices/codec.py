"""Native messages, version 1: bytes from the broker to events, heartbeats and statuses.

Liberal where the contract leaves room (only `type` is required, null means "not given", unknown keys are
ignored), strict about everything that a database or a rule could choke on. What does not decode raises
`Undecodable`, never anything else.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast

import msgspec

from devices.models import CODE
from devices.salvage import split_array
from devices.wire import (
    Heartbeat,
    IncomingEvent,
    IncomingHeartbeat,
    Reason,
    Undecodable,
    WireEvent,
    check_size,
    decode,
    decode_any,
    micros,
    settle,
)

__all__ = [
    "BATCH_BYTES",
    "CHANNELS",
    "EVENT_BYTES",
    "MOST_REJECTED",
    "STATE_BYTES",
    "Channel",
    "Heartbeat",
    "Reason",
    "Rejected",
    "Status",
    "Topic",
    "Undecodable",
    "WireEvent",
    "decode_batch",
    "decode_event",
    "decode_heartbeat",
    "decode_item",
    "decode_status",
    "detail_json",
    "parse_topic",
]

EVENT_BYTES = 64 * 1024
BATCH_BYTES = 256 * 1024
STATE_BYTES = 4 * 1024
# As many as quarantine keeps of one source; a batch with more is no batch with a slip in it.
MOST_REJECTED = 1000

Channel = Literal["event", "batch", "heartbeat", "status", "command"]
CHANNELS: frozenset[str] = frozenset({"event", "batch", "heartbeat", "status", "command"})
Status = Literal["online", "offline"]


class Topic(NamedTuple):
    site: str
    device: str
    channel: Channel


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a batch that did not decode, with its own bytes."""

    reason: Reason
    detail: str
    payload: bytes


class _StatusObject(msgspec.Struct):
    state: str


class _Detail(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    battery: float | None = None
    boot: str | None = None
    data: dict[str, Any] | None = None
    device: str | None = None
    id: str | None = None
    rssi: float | None = None
    unit: str | None = None


_event_decoder = msgspec.json.Decoder(IncomingEvent)
_batch_decoder = msgspec.json.Decoder(list[IncomingEvent])
_heartbeat_decoder = msgspec.json.Decoder(IncomingHeartbeat)
_status_decoder: msgspec.json.Decoder[_StatusObject | str] = msgspec.json.Decoder(_StatusObject | str)
_detail_encoder = msgspec.json.Encoder(order="deterministic")


def decode_event(payload: bytes) -> WireEvent:
    """Return the event of an `event` message; `device`, which means something in a batch only, is ignored."""
    event = decode_item(payload)
    event.device = None
    return event


def decode_item(payload: bytes) -> WireEvent:
    """Return one event as it stands in a batch."""
    check_size(payload, EVENT_BYTES)
    return settle(decode(_event_decoder, payload))


def decode_batch(payload: bytes) -> list[WireEvent | Rejected]:
    """Return the items of a `batch` message in order; a bad item stands as Rejected and loses no other.

    After `MOST_REJECTED` of them the rest is one more: a gateway that sends rubbish must hold up nobody.
    """
    check_size(payload, BATCH_BYTES)
    try:
        return [settle(event) for event in decode(_batch_decoder, payload)]
    except Undecodable:
        return _decode_items(payload)


def decode_heartbeat(payload: bytes) -> Heartbeat:
    """Return a heartbeat; an empty payload is one without further word."""
    check_size(payload, STATE_BYTES)
    if not payload.strip():
        return Heartbeat()
    beat = decode(_heartbeat_decoder, payload)
    beat.at = micros(beat.at)
    return beat


def decode_status(payload: bytes) -> Status | None:
    """Return the status, plain or in an object, or None for the empty payload that clears a retained one."""
    check_size(payload, STATE_BYTES)
    plain = payload.strip()
    if not plain:
        return None
    if plain in (b"online", b"offline"):
        return cast("Status", plain.decode())
    said = decode(_status_decoder, payload)
    state = said if isinstance(said, str) else said.state
    if state not in ("online", "offline"):
        raise Undecodable("bad_value", "a status is online or offline")
    return cast("Status", state)


@lru_cache(maxsize=65_536)
def parse_topic(topic: str) -> Topic:
    """Return the parts of `shouwang/v1/{site}/{device}/{channel}`."""
    match topic.split("/"):
        case ["shouwang", "v1", site, device, channel] if CODE.fullmatch(site) and CODE.fullmatch(device):
            if channel not in CHANNELS:
                raise Undecodable("bad_channel", "the topic's channel is none of the contract's")
            return Topic(site, device, cast("Channel", channel))
    raise Undecodable("bad_topic", "a topic is shouwang/v1/{site}/{device}/{channel}, with codes")


def detail_json(event: WireEvent) -> bytes:
    """Return canonical JSON of what the columns do not hold; `decode_*` has refused what jsonb would."""
    return _detail_encoder.encode(
        _Detail(
            battery=event.battery,
            boot=event.boot,
            data=event.data or None,
            device=event.device,
            id=event.id,
            rssi=event.rssi,
            unit=event.unit or None,
        )
    )


def _decode_items(payload: bytes) -> list[WireEvent | Rejected]:
    decoded: list[WireEvent | Rejected] = []
    rejected = 0
    for item in _items(payload):
        if rejected == MOST_REJECTED:
            detail = f"{MOST_REJECTED} items were refused: what follows them was not read"
            return [*decoded, Rejected(reason="too_many_rejected", detail=detail, payload=payload)]
        decoded.append(_item_or_rejected(item))
        rejected += isinstance(decoded[-1], Rejected)
    return decoded


def _items(payload: bytes) -> Iterator[bytes]:
    """Return the bytes of a batch's items, also of one that is no valid JSON as a whole."""
    items = split_array(payload)
    if items is not None:
        return items
    decode_any(payload)
    raise Undecodable("wrong_type", "a batch is an array of events")


def _item_or_rejected(item: bytes) -> WireEvent | Rejected:
    try:
        return decode_item(item)
    except Undecodable as error:
        return Rejected(reason=error.reason, detail=error.detail, payload=item)
