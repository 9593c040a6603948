"""The post of the partition's holder: one ingest has it, others stand by. Decision 0010.

Whoever has the advisory lock may raise the epoch. The server frees the lock with the session that has it, so a killed
holder is followed at once. One that hangs keeps its session: it is ended by who stands by, once the holder has
committed nothing for `STILL_SECONDS`, though it does so every two seconds even with nothing to write.
"""

import asyncio
import logging
import time
from datetime import datetime

from ingest.remedies import remedy
from ingest.tasks import is_cancelled
from store.errors import StoreError, StoreUnavailable, WrongVersion
from store.holder import Look, check_epoch, end_holder, look, prove
from store.pool import Connection, connect

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
KEEP_SECONDS = 1.0
# By the database's clock, watched over its whole length.
STILL_SECONDS = 10.0
# Two looks further apart than this saw nothing of what was between them.
GAP_SECONDS = 3.0
# After an outage of the database, the holder finds its way back before anybody else tries.
FIRST_CHANCE_SECONDS = 5.0
SEIZE_TRIES = 20
SEIZE_SECONDS = 0.1


class Stillness:
    """For how long a sign has not changed, as far as it was watched without a gap."""

    def __init__(self) -> None:
        self._sign: object = None
        self._since: datetime | None = None
        self._last: datetime | None = None

    def seen(self, sign: object, at: datetime) -> float:
        """Take a look's result; return the seconds that the sign is known not to have changed."""
        gap = 0.0 if self._last is None else (at - self._last).total_seconds()
        if self._since is None or sign != self._sign or not 0.0 <= gap <= GAP_SECONDS:
            self._sign, self._since = sign, at
        self._last = at
        return (at - self._since).total_seconds()

    def forget(self) -> None:
        """Begin anew."""
        self._since = None


class Post:
    """The partition's lock, on a connection that is used for nothing else.

    `waiting` tells whether another has it. Not through a transaction pooler: the lock is the session's.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._held = False
        self._stillness = Stillness()
        self._patient_until = 0.0
        self.waiting = False
        self.still = 0.0

    async def stand_by(self) -> None:
        """Return once the lock is this session's. Raises `WrongVersion`."""
        while not await self._tried():  # noqa: ASYNC110 -- another process frees it
            await asyncio.sleep(LOOK_SECONDS)
        if self.waiting:
            log.warning("taking over the partition")
        self.waiting = False

    async def keep(self, epoch: int) -> None:
        """Hold on to the lock, also after its connection was lost. Raises `Fenced` once the epoch has passed."""
        while not is_cancelled():
            await asyncio.sleep(KEEP_SECONDS)
            try:
                conn = await self._connected()
                await check_epoch(conn, epoch)
                if not self._held:
                    # Who has it instead raises the epoch, and that is what ends a holder.
                    self._held = (await look(conn)).mine
            except StoreError as error:
                log.info("the partition's lock is lost: taking it again", extra={"error": str(error)})
                await self.close()

    async def prove(self, epoch: int) -> None:
        """Show that the holder lives, where it has nothing to commit. Raises `Fenced`, `StoreUnavailable`."""
        await prove(await self._connected(), epoch)

    async def close(self) -> None:
        """Give the lock back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._url, name="ingest-post")
            self._held = False
        return self._connection

    async def _tried(self) -> bool:
        try:
            conn = await self._connected()
            if time.monotonic() < self._patient_until:
                return False
            return await self._judged(conn, await look(conn))
        except WrongVersion:
            raise
        except StoreError as error:
            level = logging.INFO if isinstance(error, StoreUnavailable) else logging.ERROR
            extra = {"error": str(error), "remedy": remedy(error)}
            log.log(level, "whether the partition is held cannot be told: standing by", extra=extra)
            await self._was_cut()
            return False

    async def _was_cut(self) -> None:
        await self.close()
        self._stillness.forget()
        if self.waiting:
            self._patient_until = time.monotonic() + FIRST_CHANCE_SECONDS

    async def _judged(self, conn: Connection, seen: Look) -> bool:
        self._held = seen.mine
        if seen.mine:
            return True
        if not self.waiting:
            log.info("another ingest holds the partition: standing by, unconnected", extra={"epoch": seen.sign[0]})
            self.waiting = True
        self.still = self._stillness.seen(seen.sign, seen.at)
        return self.still >= STILL_SECONDS and await self._seized(conn)

    async def _seized(self, conn: Connection) -> bool:
        log.warning("the holder has committed nothing: ending its session", extra={"seconds": round(self.still, 1)})
        self._stillness.forget()
        await end_holder(conn)
        for _ in range(SEIZE_TRIES):
            if (await look(conn)).mine:
                self._held = True
                return True
            await asyncio.sleep(SEIZE_SECONDS)
        return False
