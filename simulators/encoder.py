"""Version 1 of the MQTT contract, written a second time: a bug of the decoder cannot cancel itself out here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Channel = Literal["event", "batch", "heartbeat", "status"]


def topic(site: str, device: str, channel: Channel) -> str:
    return f"shouwang/v1/{site}/{device}/{channel}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One event as a device says it; `device` only where a gateway speaks for its child."""

    type: str
    at: datetime | None = None
    seq: int | None = None
    boot: str | None = None
    id: str | None = None
    value: float | None = None
    unit: str | None = None
    battery: int | None = None
    rssi: int | None = None
    test: bool | None = None
    device: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.at is not None and self.at.utcoffset() is None:
            raise ValueError("an event's time needs an offset")


def encode_event(said: Said) -> bytes:
    """One event object; what is not given is left out."""
    return _json(_object(said))


def encode_batch(items: Iterable[Said]) -> bytes:
    """An array of event objects."""
    return _json([_object(said) for said in items])


def encode_heartbeat(*, at: datetime | None = None, battery: int | None = None, rssi: int | None = None) -> bytes:
    """Empty where the device has nothing to add."""
    beat = {"battery": battery, "rssi": rssi, "at": None if at is None else wire_time(at)}
    known = {key: value for key, value in beat.items() if value is not None}
    return _json(known) if known else b""


def encode_status(state: Literal["online", "offline"]) -> bytes:
    return state.encode()


def wire_time(at: datetime) -> str:
    """RFC 3339 with an offset, to the millisecond where that loses nothing."""
    if at.utcoffset() is None:
        raise ValueError("a time on the wire needs an offset")
    return at.isoformat(timespec="microseconds" if at.microsecond % 1000 else "milliseconds")


def _object(said: Said) -> dict[str, Any]:
    every = {
        "device": said.device,
        "type": said.type,
        "at": None if said.at is None else wire_time(said.at),
        "seq": said.seq,
        "boot": said.boot,
        "id": said.id,
        "value": said.value,
        "unit": said.unit,
        "battery": said.battery,
        "rssi": said.rssi,
        "test": said.test,
        "data": dict(said.data) or None,
    }
    return {key: value for key, value in every.items() if value is not None}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
