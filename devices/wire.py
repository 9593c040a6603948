"""What a native message may hold: its structs, its bounds, and the reason given where it does not keep to them."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from devices.columns import NO_SEQ, NO_TIME
from devices.types import EVENT_TYPES

DATA_DEPTH = 32

Reason = Literal[
    "bad_channel",
    "bad_time",
    "bad_topic",
    "bad_value",
    "missing_type",
    "no_offset",
    "not_json",
    "not_utf8",
    "nul_character",
    "number_out_of_range",
    "too_deep",
    "too_large",
    "too_many_rejected",
    "wrong_type",
]

# The contract's own types, and whatever else a device may call what happened.
_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,63}")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A day inside what a datetime can hold, so that any offset can be shown.
# An ancient or future clock within that is stored and marked, not refused.
_EARLIEST = -62_135_510_400_000_000
_LATEST = 253_402_128_000_000_000

_NAN = math.nan
_INT64 = 2**63 - 1
_FLOAT = 2.0**63
_Moment = Annotated[datetime, Meta(tz=True)] | int | None
_Number = Annotated[int, Meta(ge=-_INT64, le=_INT64)] | Annotated[float, Meta(ge=-_FLOAT, le=_FLOAT)]
_Text = Annotated[str, Meta(max_length=128)]
_Code = Annotated[str, Meta(max_length=64)]


class Undecodable(Exception):
    """A message that says nothing we can store; `reason` names why, `detail` is for people and quotes no content."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


class WireEvent(msgspec.Struct, kw_only=True, gc=False):
    """What a device said happened. `at` is microseconds since the epoch, UTC, or NO_TIME.

    `value` is NaN, `seq` NO_SEQ and texts None where the device gave none; an empty text counts as none,
    since an identity made of it would swallow every later event.
    """

    type: str
    at: int = NO_TIME
    seq: int = NO_SEQ
    boot: str | None = None
    id: str | None = None
    value: float = math.nan
    unit: str | None = None
    battery: float | None = None
    rssi: float | None = None
    test: bool = False
    data: dict[str, Any] | None = None
    device: str | None = None


class Heartbeat(msgspec.Struct, kw_only=True, gc=False):
    """A sign of life. `at` is microseconds since the epoch, UTC, or NO_TIME."""

    battery: float | None = None
    rssi: float | None = None
    at: int = NO_TIME


# On the wire a field is wider than what `settle` leaves in it: hence the ignored redefinitions.
class IncomingEvent(WireEvent, kw_only=True, gc=False):
    at: _Moment = None  # type: ignore[assignment]  # wider on the wire
    seq: Annotated[int, Meta(ge=0, le=_INT64)] | None = None  # type: ignore[assignment]  # wider on the wire
    boot: _Text | None = None
    id: _Text | None = None
    value: _Number | None = None  # type: ignore[assignment]  # wider on the wire
    unit: _Text | None = None
    battery: _Number | None = None
    rssi: _Number | None = None
    test: bool | None = None  # type: ignore[assignment]  # wider on the wire
    device: _Code | None = None


class IncomingHeartbeat(Heartbeat, kw_only=True, gc=False):
    battery: _Number | None = None
    rssi: _Number | None = None
    at: _Moment = None  # type: ignore[assignment]  # wider on the wire


_any_decoder = msgspec.json.Decoder()
_Decoded = TypeVar("_Decoded")


def check_size(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise Undecodable("too_large", f"{len(payload)} bytes, at most {limit} are taken")


def decode(decoder: msgspec.json.Decoder[_Decoded], payload: bytes) -> _Decoded:
    """Return what the decoder makes of the payload; every way to fail becomes Undecodable."""
    try:
        if not payload.isascii():
            payload.decode()  # msgspec does not look into the strings that it skips
        decoded = decoder.decode(payload)
        if b"\\" in payload and b"\\u0000" in payload:  # nearly every payload is through after the cheap half
            _check_texts(_any_decoder.decode(payload))
    except UnicodeDecodeError as error:
        raise Undecodable("not_utf8", f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise Undecodable("too_deep", f"nested more than {DATA_DEPTH} deep") from None
    except msgspec.ValidationError as error:
        raise Undecodable(_why(str(error)), str(error)) from None
    except msgspec.DecodeError as error:
        raise Undecodable("not_json", str(error)) from None
    return decoded


def decode_any(payload: bytes) -> Any:
    """Return the JSON value of a payload of no particular shape."""
    return decode(_any_decoder, payload)


def settle(event: IncomingEvent) -> WireEvent:
    """Return the same event in the form that WireEvent promises; raises Undecodable."""
    if event.type not in EVENT_TYPES and not _TYPE.fullmatch(event.type):
        raise Undecodable("bad_value", "a type is 1 to 64 letters, digits and _ . : / -")
    event.at = micros(event.at)
    if event.seq is None:
        event.seq = NO_SEQ
    event.value = _NAN if event.value is None else float(event.value)
    if not event.test:
        event.test = False
    event.id = event.id or None
    event.boot = event.boot or None
    if event.data:
        _check_data(event.data)
    return event


def micros(moment: Any) -> int:
    """Return the microseconds of a moment as decoded: a datetime, milliseconds or None."""
    if moment is None:
        return NO_TIME
    found: int = (moment - _EPOCH) // _MICROSECOND if moment.__class__ is datetime else moment * 1000
    if not _EARLIEST <= found <= _LATEST:
        raise Undecodable("bad_time", "the time lies outside the years 1 to 9999")
    return found


def _why(message: str) -> Reason:
    """Name the reason behind msgspec's own words; a test pins each of them."""
    if "required field `type`" in message:
        return "missing_type"
    if "timezone component" in message:
        return "no_offset"
    if "RFC3339" in message:
        return "bad_time"
    if "of length" in message:
        return "bad_value"
    if ", got `" in message or "required field" in message:
        return "wrong_type"
    return "number_out_of_range"


def _walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Yield everything in a JSON value, keys too, with its depth."""
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        yield item, depth
        if isinstance(item, dict):
            stack.extend((inner, depth + 1) for pair in item.items() for inner in pair)
        elif isinstance(item, list):
            stack.extend((inner, depth + 1) for inner in item)


def _check_texts(value: Any) -> None:
    if any(isinstance(item, str) and "\0" in item for item, _ in _walk(value)):
        raise Undecodable("nul_character", "a text holds the character U+0000")


def _check_data(data: dict[str, Any]) -> None:
    for item, depth in _walk(data):
        if depth > DATA_DEPTH:
            raise Undecodable("too_deep", f"data is nested more than {DATA_DEPTH} deep")
        if isinstance(item, int) and not -_INT64 <= item <= _INT64:
            raise Undecodable("number_out_of_range", "a number in data needs more than 64 bits")
