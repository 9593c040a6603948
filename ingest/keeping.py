"""The engine's state kept now and then, off the way of messages, so that the next start need not read the whole log."""

import asyncio
import time
from collections.abc import Callable

from ingest.protocol import Engine

# A start reads at most about what came in between: so many seconds, or so many positions of the log.
KEEP_SECONDS = 300.0
KEEP_POSITIONS = 200_000
# Copying the columns holds the loop up, so however fast the log grows, not more often than this.
AT_MOST_SECONDS = 60.0


class Keeping:
    """When the engine's state is to be kept; the engine says how. One at a time, in a thread."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._began = clock()
        self._position = engine.position - engine.unkept
        self._writing: asyncio.Task[None] | None = None

    def in_passing(self) -> None:
        """Between two stretches: begin, where it is time."""
        if self._is_due():
            self._begin()

    async def at_the_end(self, seconds: float) -> None:
        """At a clean stop: what is new since the last time is kept, if that takes no longer than this."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=seconds)
        if self._engine.position > self._position and self._is_idle():
            self._begin()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=seconds)

    def _is_idle(self) -> bool:
        return self._writing is None or self._writing.done()

    def _is_due(self) -> bool:
        grown = self._engine.position - self._position
        waited = self._clock() - self._began
        wanted = grown >= KEEP_POSITIONS and waited >= AT_MOST_SECONDS
        return (wanted or (grown > 0 and waited >= KEEP_SECONDS)) and self._is_idle()

    def _begin(self) -> None:
        self._began, self._position = self._clock(), self._engine.position
        keep = self._engine.snapshot()
        if keep is not None:
            self._writing = asyncio.create_task(asyncio.to_thread(keep), name="ingest-checkpoint")
