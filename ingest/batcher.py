"""When a batch closes: after 20 ms or 2,000 events, at once on an emergency (design, guarantee 3).

After a connection was resumed what is no emergency is held back for a few seconds, to be put in order (decision 0021).
"""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from ingest.delivery import Delivery
from ingest.inbox import Inbox

LINGER_SECONDS = 0.020
BATCH_MESSAGES = 2_000
# What a batch may bring into memory at once: a gateway's message alone may hold thousands of events.
BATCH_BYTES = 8 * 1024 * 1024
# The embedded broker sends half as many without an acknowledgement.
HELD_BACK = 8_192


def wall_micros() -> int:
    """Microseconds since the epoch, UTC, by this machine's clock."""
    return time.time_ns() // 1000


class Batch(NamedTuple):
    """Messages in the order received. All that was sent before `upto` is in this batch or an earlier one, if known.

    Both times are microseconds since the epoch. `mixed`: the broker may have sent older messages behind newer ones.
    """

    deliveries: list[Delivery]
    closed_at: int
    upto: int | None
    mixed: bool = False


class Batcher:
    """`upto` tells until when all that was sent has reached the inbox, where that is known.

    `resuming`: whether what an earlier connection left may still come.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        upto: Callable[[], int | None],
        resuming: Callable[[], bool],
        linger: float = LINGER_SECONDS,
        most: int = BATCH_MESSAGES,
        clock: Callable[[], int] = wall_micros,
    ) -> None:
        self._inbox = inbox
        self._upto = upto
        self._resuming = resuming
        self._is_mixed = False
        self._linger = linger
        self._most = most
        self._clock = clock

    async def next(self, patience: float) -> Batch:
        """Return the next batch, an empty one where nothing came within `patience` seconds."""
        if not self._inbox and not self._resuming():
            await self._inbox.wait(1, patience)
        while not self._resuming() and (remaining := self._remaining()) > 0:
            await self._inbox.wait(self._most, remaining)
        # Asked last: a connection may have come while it waited.
        if self._resuming():
            self._is_mixed = True
            if len(self._inbox) < HELD_BACK:
                return await self._next_urgent(patience)
        return self._close()

    async def _next_urgent(self, patience: float) -> Batch:
        if not self._inbox.urgent:
            await self._inbox.wait(HELD_BACK, patience)
        return Batch(self._inbox.take_urgent(), self._clock(), None, mixed=True)

    def _remaining(self) -> float:
        oldest = self._inbox.oldest
        if oldest is None or self._inbox.urgent or len(self._inbox) >= self._most:
            return 0.0
        # A clock that was set back must not make a batch wait.
        return min(self._linger, self._linger - (self._clock() - oldest) / 1_000_000)

    def _close(self) -> Batch:
        # Asked first: what it speaks of is in the inbox by then, so nothing is passed over.
        upto = self._upto()
        now = self._clock()
        mixed, self._is_mixed = self._is_mixed, False
        deliveries = self._inbox.take(sys.maxsize if mixed else self._most, BATCH_BYTES)
        return Batch(deliveries, now, None if self._inbox else upto, mixed)
