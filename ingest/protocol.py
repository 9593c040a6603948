"""What ingest needs of the rule engine. `runtime/wiring.py` joins the two."""

from collections.abc import Sequence
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

    async def bootstrap(self, conn: Connection) -> None:
        """Rebuild the state from the log."""

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
