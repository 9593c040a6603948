"""Moving a recording in time: every time of it by one and the same amount."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from simulators.encoder import wire_time
from simulators.recording import Line

MILLISECOND = timedelta(milliseconds=1)

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])
_time = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)] | int)  # without an offset: left as it is


def shift_to(start: datetime, *, first: datetime, last: datetime, speed: float) -> timedelta:
    """By how much to move a recording that begins to play at `start`, so that no line is ahead of its own playing.

    At speed 1 each line is played at its own moved time. Above, the last one is, and the earlier ones are played
    after theirs; below, the first one is.
    """
    span = last - first
    played_in = timedelta() if math.isinf(speed) else span / speed
    return (start - first) + min(played_in - span, timedelta())


def rebased(line: Line, shift: timedelta) -> Line:
    """The line, and the `at` of its event, of each event of its batch or of its heartbeat, moved by `shift`.

    Everything else stays, `id`, `boot` and `seq` too: an event that is known by these alone is the same event again.
    """
    return replace(line, at=line.at + shift, payload=_rebased_payload(line.payload, shift))


def _rebased_payload(payload: bytes, shift: timedelta) -> bytes:
    try:
        if payload.lstrip()[:1] == b"[":
            items = [_rebased_object(bytes(item), shift) for item in _array.decode(payload)]
            return b"[" + b",".join(items) + b"]"
        return _rebased_object(payload, shift)
    except msgspec.DecodeError:
        return payload  # broken payloads are recorded to be played broken


def _rebased_object(text: bytes, shift: timedelta) -> bytes:
    try:
        fields = _object.decode(text)
        moved = _moved(_time.decode(fields["at"]), shift)
    except (msgspec.DecodeError, KeyError, OverflowError):
        return text
    return msgspec.json.encode(fields | {"at": msgspec.Raw(moved)})


def _moved(at: datetime | int, shift: timedelta) -> bytes:
    """Text stays text and keeps its offset; an integer stays milliseconds since the epoch."""
    if isinstance(at, int):
        return str(at + shift // MILLISECOND).encode()
    return msgspec.json.encode(wire_time(at + shift))
