"""The connection that the log is written on: made anew when it is lost, with growing pauses between tries."""

import asyncio
import logging
import random

from ingest.remedies import remedy
from store.errors import StoreError, StoreUnavailable
from store.pool import Connection, connect

log = logging.getLogger(__name__)

RETRY_SECONDS = (0.1, 2.0)


class Link:
    """One connection at a time. `trouble` is why the database did not take the last try; None: it did."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self.trouble: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the database took the last try."""
        return self.trouble is None

    async def connected(self) -> Connection:
        """The connection that stands, or a new one. Raises `StoreUnavailable`, `WrongVersion`."""
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._url, name="ingest")
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def worked(self) -> None:
        """Take note that the database took it."""
        self.trouble = None

    async def failed(self, error: StoreError, attempt: int) -> None:
        """Say why it was not taken, and what helps; wait before the next try, on a new connection."""
        self.trouble = remedy(error)
        away = isinstance(error, StoreUnavailable) and error.sqlstate[:2] != "53"
        extra = {"error": str(error), "attempt": attempt, "remedy": self.trouble}
        log.log(logging.INFO if away else logging.ERROR, "the database did not take it: trying again", extra=extra)
        await self.close()
        await asyncio.sleep(pause(attempt, RETRY_SECONDS))


def pause(attempt: int, seconds: tuple[float, float]) -> float:
    """Return how long to wait before the next try: doubled each time, from the first of `seconds` to the last."""
    first, longest = seconds
    return min(longest, first * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.5)  # noqa: S311 -- jitter is no secret
