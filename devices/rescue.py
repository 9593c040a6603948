"""An emergency inside a message that does not decode: somebody pressed, whatever else the device wrote wrongly."""

import json
from typing import Any

from devices.codec import EVENT_BYTES, WireEvent, decode_item
from devices.types import EMERGENCY_TYPES
from devices.wire import IncomingEvent, Undecodable

# What calls for help; a word that takes the call back must be right to count.
CALLS = frozenset(kind for kind in EMERGENCY_TYPES if kind.endswith((".pressed", ".detected")))


def rescued(payload: bytes) -> WireEvent | None:
    """Return the emergency that an undecodable JSON object names, with those of its fields that are right.

    None where it is no JSON object or its `type` is none of `CALLS`. Never raises. Decision 0015.
    """
    said = _object(payload)
    if said is None or said.get("type") not in CALLS:
        return None
    named = {"type": said["type"]}
    right = {key: said[key] for key in IncomingEvent.__struct_fields__ if key in said and _decodes(named, key, said)}
    # Fields that are right one by one may still be too large together.
    return _decoded(named | right) or _decoded(named)


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        # Python's own reader takes what ours refuses: NaN, numbers of any length, U+0000.
        said = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("type"), str) else None


def _decodes(named: dict[str, Any], key: str, said: dict[str, Any]) -> bool:
    return _decoded(named | {key: said[key]}) is not None


def _decoded(fields: dict[str, Any]) -> WireEvent | None:
    try:
        return decode_item(json.dumps(fields).encode()[: EVENT_BYTES + 1])
    except (Undecodable, ValueError, RecursionError):
        return None
