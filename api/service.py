"""What one API process holds; made by the app's lifespan and handed to requests."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from api.activity import Activity
from api.admission import Admission
from api.feed import FeedTimes, Pages
from api.lockout import Lockout
from api.settings import ApiSettings
from api.tail import Tail
from store.errors import translated
from store.pool import Connection, Pool

# Seconds: a request would rather be told that the database is away than wait for it.
POOL_WAIT = 4.0


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
    admission: Admission
    clock: Callable[[], datetime]
    started_at: datetime

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; driver errors become `StoreError`."""
        with translated():
            async with self.pool.connection(timeout=POOL_WAIT) as conn:
                yield conn


def service_of(request: Request) -> Service:
    return cast("Service", request.app.state.service)


HeldService = Annotated[Service, Depends(service_of)]


async def _lent(service: HeldService) -> AsyncIterator[Connection]:
    async with service.connection() as conn:
        yield conn


# Given back before the answer is sent: a slow reader holds no connection.
Lent = Annotated[Connection, Depends(_lent, scope="function")]
