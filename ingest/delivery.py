"""One message as the broker delivered it."""

from typing import NamedTuple


class Delivery(NamedTuple):
    """`received_at` is microseconds since the epoch, UTC; `serial` is 0 where nothing is to be acknowledged."""

    received_at: int
    topic: str
    payload: bytes
    retain: bool = False
    redelivered: bool = False
    generation: int = 0
    packet: int = 0
    serial: int = 0


class Receipt(NamedTuple):
    """What it takes to acknowledge one delivery, and no other that may bear its packet id by then."""

    generation: int
    packet: int
    serial: int
