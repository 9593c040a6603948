"""Which event is the same as an earlier one (design, section 4)."""

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from devices.codec import WireEvent
from devices.columns import NO_SEQ, NO_TIME
from devices.types import EMERGENCY_TYPES

KEY_BYTES = 16


class Identity(NamedTuple):
    """`own`: the event bears it, so that a second one is a duplicate.

    Otherwise the key stands for the payload and tells only whether a retained message was seen before.
    """

    key: bytes
    own: bool


def identify(device: int, event: WireEvent, payload: bytes, *, item: int = 0, retained: bool = False) -> Identity:
    """Return the identity of one event; `device` is its number in the registry, `item` its place in a batch."""
    parts = own_parts(event)
    if parts is not None:
        return Identity(identity_key(device, event.type, parts), own=True)
    return Identity(identity_key(device, event.type, payload_parts(item, digest(payload))), own=retained)


@lru_cache(maxsize=1)
def digest(payload: bytes) -> str:
    """What stands for a payload in the identity of events that have none of their own."""
    # Kept for one payload: the items of a batch share it.
    return blake2b(payload, digest_size=KEY_BYTES).hexdigest()


def payload_parts(item: int, digest_: str) -> tuple[str, ...]:
    return ("payload", str(item), digest_)


def own_parts(event: WireEvent) -> tuple[str, ...] | None:
    """Return what besides device and type makes the event one and the same, or None."""
    if event.id:
        return ("id", str(event.at) if event.at != NO_TIME else "", event.id)
    if event.boot and event.seq != NO_SEQ:
        return ("seq", str(event.seq), event.boot)
    if event.at != NO_TIME and event.type not in EMERGENCY_TYPES:
        return ("at", str(event.at), repr(event.value), _measured(event))
    return None


def _measured(event: WireEvent) -> str:
    """Tell two vital signs of one moment apart; their values may be equal."""
    name = event.data.get("name") if event.type == "vital.measured" and event.data else None
    return name if isinstance(name, str) else ""


def identity_key(device: int, kind: str, parts: tuple[str, ...]) -> bytes:
    """Return the key under which an identity is kept; `device` is its number in the registry."""
    # A NUL cannot occur in any part: the codec refuses it. So no two identities run into one text.
    text = "\0".join((str(device), kind, *parts))
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()
