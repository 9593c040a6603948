"""What ingest needs of the rule engine. `runtime/wiring.py` joins the two."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from store.head import Head, InputEntry
from store.pool import Connection


class Outcome(Protocol):
    """What the engine made of a stretch of the log."""

    @property
    def changed(self) -> bool:
        """Whether any alert changed."""


class Engine(Protocol):
    """A function of the input log, with one stretch at a time not yet adopted."""

    @property
    def position(self) -> int:
        """The last position of the log that it has adopted."""

    @property
    def unkept(self) -> int:
        """How many positions of the log the last start had to read."""

    async def bootstrap(self, conn: Connection) -> None:
        """Rebuild the state from what was kept of it and the log, or from the log alone."""

    async def run(
        self,
        conn: Connection,
        head: Head,
        *,
        control: Sequence[InputEntry],
        events: NDArray[np.void],
        watermark: int | None,
        received_at: int,
    ) -> Outcome:
        """Apply the stretch inside the caller's transaction, write what it causes, advance `head` with it.

        `control` comes before `events`, `watermark` (microseconds) after them. Times are microseconds.
        """

    def adopt(self) -> None:
        """Make the last run's state the state: its transaction is committed."""

    def drop(self) -> None:
        """Forget the last run: its transaction is not committed."""

    def due(self, now: int) -> bool:
        """Whether anything is to fire up to `now` (microseconds)."""

    def snapshot(self) -> Callable[[], None] | None:
        """Copy the adopted state. What is returned keeps the copy for the next start: call it in a thread.

        None where nothing can be kept now. Neither ever raises for a disk that is full or the like.
        """
