"""What one API process holds; made by the app's lifespan and handed to requests."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from api.activity import Activity
from api.admission import Admission
from api.feed import FeedTimes, Pages
from api.heard import Board
from api.lastknown import LastKnown
from api.lockout import Lockout
from api.settings import ApiSettings
from api.streets import Streets
from api.tail import Tail
from store.errors import StoreUnavailable, translated
from store.pool import Connection, Pool, within

# Seconds: a request would rather be told that the database is away than wait for it.
POOL_WAIT = 4.0
# The same of what can be answered without the database: as long as it lately was there, and while it was not.
GLANCE = 3.0
GLANCE_AGAIN = 0.3
AWAY_FOR = 5.0
# For each single answer: a database that stands still does not say so.
PATIENCE = 20.0


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True, slots=True)
class Service:
    """`started_at` is when this process came up: what a part said before proves nothing."""

    settings: ApiSettings
    pool: Pool
    tail: Tail
    pages: Pages
    feed_times: FeedTimes
    lockout: Lockout
    activity: Activity
    board: Board
    streets: Streets
    last_known: LastKnown
    admission: Admission
    clock: Callable[[], datetime]
    started_at: datetime
    missed_at: float = -AWAY_FOR

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; driver errors become `StoreError`."""
        with translated():
            async with self.pool.connection(timeout=POOL_WAIT) as conn:
                yield conn

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Connection]:
        """The same for who has another answer: gives up soon, and at once while the database was just away."""
        is_away = time.monotonic() - self.missed_at < AWAY_FOR
        seconds = GLANCE_AGAIN if is_away else GLANCE
        try:
            with translated():
                async with self.pool.connection(timeout=seconds) as conn:
                    with within(conn, GLANCE):
                        yield conn
        except StoreUnavailable:
            self.missed_at = time.monotonic()
            raise
        self.missed_at = -AWAY_FOR


def service_of(request: Request) -> Service:
    return cast("Service", request.app.state.service)


HeldService = Annotated[Service, Depends(service_of)]


async def _lent(service: HeldService) -> AsyncIterator[Connection]:
    async with service.connection() as conn:
        yield conn


# Given back before the answer is sent: a slow reader holds no connection.
Lent = Annotated[Connection, Depends(_lent, scope="function")]
