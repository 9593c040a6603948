"""Devices' credentials: made a few at a time, and waited for until the broker knows them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.tail import cancelled
from devices.credentials import applied_version
from store.errors import StoreError, translated
from store.pool import Pool

log = logging.getLogger(__name__)

APPLIED_WITHIN = 5.0  # seconds
ISSUED_AT_ONCE = 2  # a fleet that is given credentials leaves the other connections to the desk
_ASK_AGAIN = 0.05  # seconds


class Admission:
    """What one API process knows of credentials under way. `turn` is held while some are made.

    `managed`: the broker is the embedded one, so that it can be waited for.
    """

    def __init__(self, pool: Pool, *, managed: bool) -> None:
        self.turn = asyncio.Semaphore(ISSUED_AT_ONCE)
        self._pool, self._managed = pool, managed
        self._look: asyncio.Task[int] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Admission"]:
        """End with the block a look that is under way."""
        try:
            yield self
        finally:
            await cancelled({self._look} if self._look is not None else set())

    async def broker_knows(self, version: int) -> None:
        """Return once the broker has taken up a version, or with a warning when it does not in time.

        It is in force as soon as the broker runs again.
        """
        if self._managed and not await self._within(version, APPLIED_WITHIN):
            log.warning("the broker has not taken up changed credentials in time", extra={"version": version})

    async def _within(self, version: int, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while await self._looked() < version:
            if asyncio.get_running_loop().time() > deadline:
                return False
        return True

    async def _looked(self) -> int:
        """One look for all who wait: a thousand devices under way ask no oftener than one."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._ask(), name="broker-applied")
        # Shielded: who leaves takes nobody else's look along.
        return await asyncio.shield(self._look)

    async def _ask(self) -> int:
        await asyncio.sleep(_ASK_AGAIN)
        try:
            with translated():
                async with self._pool.connection() as conn:
                    return await applied_version(conn)
        except StoreError:
            return -1  # nobody can be asked; what was made is committed all the same, and must be given out
