"""The end of the alert log as this process knows it: one LISTEN for all its readers, and a slow poll beside it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from store.errors import StoreError, translated
from store.notify import listen
from store.pool import Connection, Pool
from store.queries import load

SQL = load("api")
log = logging.getLogger(__name__)

CHANNEL = "alert_log"
POLL_EVERY = 2.0  # seconds; only matters where a notice was lost


class Tail:
    """Tells readers that the log has grown. It carries no rows, so a slow reader holds none."""

    def __init__(self, pool: Pool, url: str) -> None:
        self._pool = pool
        self._url = url
        self._moved = asyncio.Event()
        self.latest = 0
        self.stopped = False

    async def wait_for(self, has_news: Callable[[], bool], seconds: float) -> bool:
        """Wait until there is news, which is looked for when the log grows or on a nudge, or until the tail stops.

        False where the time ran out before.
        """
        try:
            async with asyncio.timeout(seconds):
                while not has_news() and not self.stopped:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def nudge(self) -> None:
        """Wake every reader: something else than the log has news for them."""
        self._wake()

    def stop(self) -> None:
        """End every reader; the process is about to go."""
        self.stopped = True
        self._wake()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Tail"]:
        """Follow the log while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            followers = {
                tasks.create_task(self._follow(), name="alert-log-listen"),
                tasks.create_task(self._poll(), name="alert-log-poll"),
            }
            try:
                yield self
            finally:
                self.stop()
                await cancelled(followers)

    async def end(self) -> int:
        """Read the last id that is committed, and know it from then on. Raises `StoreError`."""
        with translated():
            async with self._pool.connection() as conn:
                return await self.end_of(conn)

    async def end_of(self, conn: Connection) -> int:
        """The same on a connection of the caller's."""
        with translated():
            row = await (await conn.execute(SQL["last_log_id"])).fetchone()
        log_id = 0 if row is None else int(row["log_id"])
        self._advance(log_id)
        return log_id

    async def _follow(self) -> None:
        async with aclosing(listen(self._url, CHANNEL, name="feed")) as notices:
            async for notice in notices:
                if notice.payload.isdigit():
                    self._advance(int(notice.payload))
                else:
                    await self._look()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_EVERY)
            await self._look()

    async def _look(self) -> None:
        try:
            await self.end()
        except StoreError as error:
            log.info("the end of the alert log cannot be read", extra={"kind": type(error).__name__})

    def _advance(self, log_id: int) -> None:
        if log_id > self.latest:
            self.latest = log_id
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


async def cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended."""
    # Python 3.11's wait_for, which the driver uses, swallows a cancellation that meets its result: ask again.
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.2)
