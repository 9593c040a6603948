"""One message as the broker delivered it."""

from typing import NamedTuple

# In place of a topic that is not UTF-8, which names no device.
NO_TOPIC = "(not UTF-8)"


class Publish(NamedTuple):
    """A PUBLISH as it was read. `packet` is its packet id, 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet: int
    dup: bool
    retain: bool


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
