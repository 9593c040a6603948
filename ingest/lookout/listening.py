"""The lookout's ear: what its session's network thread does with a message, which is little."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from ingest.batcher import wall_micros
from ingest.delivery import NO_TOPIC, Publish, Receipt
from ingest.lookout import metrics
from ingest.lookout.presses import Message, may_call
from ingest.marks import Outgoing

FILTERS = tuple((f"shouwang/v1/+/+/{channel}", 0) for channel in ("event", "batch"))
HELD_BYTES = 64 * 1024 * 1024
# Clocks of two processes differ, and so do the moments at which they read one message.
SLACK = 5_000_000
# A thread that did not come round for so long may read what ingest has read long ago.
FROZEN_SECONDS = 2.0


class Ear:
    """Keeps what may be an emergency until the loop takes it. `heard` is called in the network thread."""

    def __init__(self, heard: Callable[[], None], *, held_bytes: int = HELD_BYTES) -> None:
        self._heard = heard
        self._most = held_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._round_at = time.monotonic()
        self._thawed_at = float("-inf")
        self._frozen_for = 0.0

    def take(self) -> list[Message]:
        """Remove and return what was heard so far. Called by the event loop."""
        taken = [self._messages.popleft() for _ in range(len(self._messages))]
        self._bytes -= sum(len(message.payload) for message in taken)
        return taken

    def begin(self) -> int:
        return 0

    def filters(self) -> Sequence[tuple[str, int]]:
        return FILTERS

    def granted(self) -> None:
        """Nothing to do: what was said before is the durable session's, which is ingest's."""

    def outgoing(self) -> Sequence[Outgoing]:
        return ()

    def message(self, message: Publish) -> Receipt | None:
        payload = message.payload
        if not may_call(payload):
            return None
        if self._bytes > self._most:
            metrics.OVERFLOW.inc()
            return None
        if message.topic != NO_TOPIC:
            self._keep(message.topic, payload, retained=message.retain)
        return None

    def _keep(self, topic: str, payload: bytes, *, retained: bool) -> None:
        now = wall_micros()
        since = now - SLACK - round(self._delay() * 1_000_000)
        found = Message.heard(topic, payload, received_at=now, since=since, retained=retained)
        self._messages.append(found)
        self._bytes += len(found.payload)
        self._heard()

    def _delay(self) -> float:
        """Return for how long this may have lain in the socket, in seconds."""
        now = time.monotonic()
        if now - self._round_at > FROZEN_SECONDS:
            self._thawed_at, self._frozen_for = now, now - self._round_at
        return self._frozen_for if now - self._thawed_at < FROZEN_SECONDS else 0.0

    def burst_ended(self) -> None:
        self._delay()
        self._round_at = time.monotonic()

    def settle(self, _receipt: Receipt) -> bool:
        return False

    def full(self) -> bool:
        return False

    def relieved(self) -> bool:
        return True
