"""What the network thread has taken in and nobody has written yet, bounded by bytes."""

import asyncio
from collections import deque
from collections.abc import Sequence

from ingest.delivery import Delivery

# What one held message costs beside its payload (measured: tuple, topic, bookkeeping).
OVERHEAD_BYTES = 512

# An escaped letter counts too, since it may hide one of the words.
_URGENT = (b"sos", b"fall", b"smoke", b"gas", b"\\u")
# Every event has it.
_KEY = b'"type"'


def may_be_emergency(payload: bytes) -> bool:
    """Whether a batch must close at once for it: cheap, and wrong only to the early side."""
    return any([word in payload for word in _URGENT])  # noqa: C419 -- half the time of a generator, per message


def events_in(delivery: Delivery) -> int:
    """About how many events a message brings: cheap, at least one, and too few only for keys that are escaped."""
    return max(1, delivery.payload.count(_KEY)) if delivery.topic.endswith("/batch") else 1


class Inbox:
    """One writer (the network thread: `put`, `burst_ended`, `prod`), one reader (the event loop: all else).

    Each counter has one writer, so that no lock is needed on the way of a message.
    """

    def __init__(self) -> None:
        self._queue: deque[Delivery] = deque()
        self._bytes_in = 0
        self._bytes_out = 0
        self._arrived = 0
        self._taken = 0
        self._urgent_upto = 0
        self._urgent_taken = 0
        self._wanted = 0
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def held_bytes(self) -> int:
        """Bytes of what is waiting or being written, until it is released."""
        return self._bytes_in - self._bytes_out

    @property
    def urgent(self) -> bool:
        """Whether what may be an emergency waits."""
        return self._urgent_upto > max(self._taken, self._urgent_taken)

    @property
    def oldest(self) -> int | None:
        """When the oldest waiting message was received, in microseconds since the epoch."""
        return self._queue[0].received_at if self._queue else None

    def put(self, delivery: Delivery) -> None:
        self._queue.append(delivery)
        self._arrived += 1
        self._bytes_in += len(delivery.payload) + OVERHEAD_BYTES
        if may_be_emergency(delivery.payload):
            self._urgent_upto = self._arrived

    def burst_ended(self) -> None:
        """Wake the reader if it waits for this: once for many messages."""
        wanted = self._wanted
        if wanted and (len(self._queue) >= wanted or self.urgent):
            self._wanted = 0
            self._loop.call_soon_threadsafe(self._wake.set)

    async def wait(self, wanted: int, seconds: float) -> None:
        """Return once `wanted` messages or an emergency wait, or the time is over."""
        self._wake.clear()
        self._wanted = wanted
        if len(self._queue) < wanted and not self.urgent and seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
        self._wanted = 0

    def prod(self) -> None:
        """End the reader's waiting; called in the network thread."""
        self._loop.call_soon_threadsafe(self._wake.set)

    def nudge(self) -> None:
        """End the reader's waiting, whatever has come."""
        self._wake.set()

    def take(self, most: int, most_bytes: int) -> list[Delivery]:
        """Remove and return messages, oldest first, at least one if any waits; they count as held until released.

        `most` holds for the events in them, of which the first message alone may bring more.
        """
        queue, size, events = self._queue, 0, 0
        taken: list[Delivery] = []
        while queue and size < most_bytes:
            events += events_in(queue[0])
            if taken and events > most:
                break
            taken.append(queue.popleft())
            size += len(taken[-1].payload)
        self._taken += len(taken)
        return taken

    def take_urgent(self) -> list[Delivery]:
        """Remove and return what may be an emergency, oldest first; all else stays in its order."""
        upto, came = self._urgent_upto, [self._queue.popleft() for _ in range(len(self._queue))]
        taken = [delivery for delivery in came if may_be_emergency(delivery.payload)]
        # To the left: what the network thread appends meanwhile is newer.
        self._queue.extendleft(delivery for delivery in reversed(came) if not may_be_emergency(delivery.payload))
        self._taken += len(taken)
        self._urgent_taken = upto
        return taken

    def release(self, deliveries: Sequence[Delivery]) -> None:
        self._bytes_out += sum([len(d.payload) for d in deliveries]) + OVERHEAD_BYTES * len(deliveries)
