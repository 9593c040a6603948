"""What the two sessions do with a message: all of it in their network threads, none of it slow."""

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from ingest.batcher import wall_micros
from ingest.delivery import Delivery, Publish, Receipt
from ingest.inbox import Inbox
from ingest.marks import PREFIX, Marks, Outgoing
from ingest.tracker import Tracker

EVENT_CHANNELS = ("event", "batch", "status")
EVENT_FILTERS = tuple((f"shouwang/v1/+/+/{channel}", 1) for channel in EVENT_CHANNELS)
BEAT_CHANNELS = ("heartbeat",)
BEAT_FILTERS = tuple((f"shouwang/v1/+/+/{channel}", 0) for channel in BEAT_CHANNELS)

HELD_BYTES = 256 * 1024 * 1024
RELIEVED_SHARE = 0.5
# A flood of beats while the loop is busy elsewhere: the oldest are dropped, the newest prove life as well.
BEATS_HELD = 1_000_000


class EventReceiver:
    """Events, batches and statuses, delivered at least once: tracked, bounded, handed to the inbox."""

    def __init__(self, inbox: Inbox, *, held_bytes: int = HELD_BYTES) -> None:
        self._inbox = inbox
        self._tracker = Tracker()
        self._held_bytes = held_bytes
        self.marks = Marks(EVENT_CHANNELS, qos=1)
        # Read by the event loop. Seconds of the monotonic clock.
        self.redelivered_at = self.arrived_at = self.resent_at = float("-inf")

    def begin(self) -> int:
        self.marks.begin()
        return self._tracker.begin()

    def filters(self) -> Sequence[tuple[str, int]]:
        return EVENT_FILTERS

    def granted(self) -> None:
        self.marks.granted()

    def outgoing(self) -> list[Outgoing]:
        return self.marks.outgoing()

    def message(self, message: Publish) -> Receipt | None:
        topic, payload = message.topic, message.payload
        receipt = None
        if message.qos:
            receipt = self._track(message, hash((topic, payload)))
            if receipt is None:
                return None
        if topic.startswith(PREFIX):
            self.marks.back(topic, payload)
            self._inbox.prod()
            return receipt
        self._inbox.put(
            Delivery(wall_micros(), topic, payload, message.retain, message.dup, *(receipt or Receipt(0, 0, 0)))
        )
        return None

    def _track(self, message: Publish, content: int) -> Receipt | None:
        now = time.monotonic()
        if message.dup:
            self.redelivered_at = now
        serial = self._tracker.arrived(message.packet, content, dup=message.dup, now=now)
        if serial is None:
            return None
        self.arrived_at = now
        if message.dup:
            self.resent_at = now
        return Receipt(self._tracker.generation, message.packet, serial)

    def burst_ended(self) -> None:
        self._inbox.burst_ended()

    def settle(self, receipt: Receipt) -> bool:
        return self._tracker.settle(*receipt, now=time.monotonic())

    def full(self) -> bool:
        return self._inbox.held_bytes > self._held_bytes

    def relieved(self) -> bool:
        return self._inbox.held_bytes <= self._held_bytes * RELIEVED_SHARE


class Beat(NamedTuple):
    """A heartbeat as it came. `received_at` is microseconds since the epoch, UTC."""

    received_at: int
    topic: str
    payload: bytes


class BeatReceiver:
    """Heartbeats: state, not events. Nothing is acknowledged; a retained one proves no life."""

    def __init__(self) -> None:
        self._beats: deque[Beat] = deque(maxlen=BEATS_HELD)
        self.marks = Marks(BEAT_CHANNELS, qos=0)

    def take(self) -> list[Beat]:
        """Remove and return all beats so far. Called by the event loop."""
        return [self._beats.popleft() for _ in range(len(self._beats))]

    def begin(self) -> int:
        self.marks.begin()
        return 0

    def filters(self) -> Sequence[tuple[str, int]]:
        return BEAT_FILTERS

    def granted(self) -> None:
        self.marks.granted()

    def outgoing(self) -> list[Outgoing]:
        return self.marks.outgoing()

    def message(self, message: Publish) -> Receipt | None:
        topic, payload = message.topic, message.payload
        if topic.startswith(PREFIX):
            self.marks.back(topic, payload)
        elif not message.retain:
            self._beats.append(Beat(wall_micros(), topic, payload))
        return None

    def burst_ended(self) -> None:
        """Nothing to do: the loop looks by itself every quarter of a second."""

    def settle(self, _receipt: Receipt) -> bool:
        return False

    def full(self) -> bool:
        return False

    def relieved(self) -> bool:
        return True
