"""The live feed's reading: pages of the log after an id, shared by readers who want the same, never queued."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Send
from starlette.types import Scope as Asgi

from alerts.read import FeedRow, feed_rows
from api.heard import Strips
from api.metrics import FEED_EVENTS, FEEDS
from api.principals import Principal
from api.problems import Problem
from api.tail import Tail, cancelled
from devices.scope import Scope
from store.errors import StoreError, translated
from store.pool import Pool

PAGE = 50  # changes; about 100 KB
REMEMBERED = 16  # pages; readers who are awake together ask for the same few
AGAIN_AFTER = 1.0  # seconds between looks while the database is away
LOOK_BESIDE = 0.2  # seconds that a feed waits for the database before it looks at what needs none


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedTimes:
    """Seconds: between keep-alive comments, and between looks at the reader's rights (design, section 8)."""

    keep_alive: float = 10.0
    rights: float = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Changes as they go over the wire, rendered once for all their readers; `last` is the last one's log id, or 0.

    They are sent as one piece: in a storm a reader who falls behind catches up in a few.
    """

    frames: bytes = b""
    changes: int = 0
    last: int = 0

    @classmethod
    def of(cls, rows: Sequence[FeedRow]) -> "Page":
        return cls(frames=b"".join(map(_rendered, rows)), changes=len(rows), last=rows[-1].log_id if rows else 0)


NOTHING = Page()
T = TypeVar("T")
_Key = tuple[Scope, int, int]


class Pages:
    """Reads pages of the log; who asks for the same page at the same end of the log shares one read."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reads: OrderedDict[_Key, asyncio.Task[Page]] = OrderedDict()

    async def after(self, log_id: int, scope: Scope, end: int) -> Page:
        """Return the changes after an id within a scope, knowing that the log reaches to `end` at least.

        Fewer than `PAGE` of them are all up to `end`. Raises `StoreError`.
        """
        key = (scope, log_id, end)
        read = self._reads.get(key)
        if read is None or (read.done() and (read.cancelled() or read.exception() is not None)):
            read = self._reads[key] = asyncio.create_task(self._read(log_id, scope), name="feed-page")
            while len(self._reads) > REMEMBERED:
                self._reads.popitem(last=False)
        # Shielded: a reader who leaves takes nobody else's page along.
        return await asyncio.shield(read)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Pages"]:
        """End with the block the reads that are under way."""
        try:
            yield self
        finally:
            await cancelled(set(self._reads.values()))

    async def _read(self, log_id: int, scope: Scope) -> Page:
        with translated():
            async with self._pool.connection() as conn:
                return Page.of(await feed_rows(conn, log_id, PAGE, scope))


def _rendered(row: FeedRow) -> bytes:
    document: dict[str, Any] = asdict(row)
    document["at"] = row.at.isoformat()
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(data_str=data, event="alert", id=str(row.log_id))


class Errand(Generic[T]):
    """Something that the database may take any time for, looked at again and again while other things are done."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._task: asyncio.Task[T] | None = None

    @property
    def under_way(self) -> set[asyncio.Task[T]]:
        return set() if self._task is None else {self._task}

    async def result(self) -> T | None:
        """Return what it came to, None while it takes longer; the next call goes on, or begins anew."""
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="feed-errand")
        done, _ = await asyncio.wait({self._task}, timeout=LOOK_BESIDE)
        if not done:
            return None
        task, self._task = self._task, None
        return task.result()


class Reader:
    """One open feed. It remembers only how far it is; `rights` says who reads now, or raises a `Problem`."""

    def __init__(
        self,
        *,
        tail: Tail,
        pages: Pages,
        after: int,
        scope: Scope,
        rights: Callable[[], Awaitable[Principal]],
        strips: Strips,
        sees: Callable[[Scope, str], bool],
    ) -> None:
        self._strips = strips
        self._sees = sees
        self._tail = tail
        self._pages = pages
        self._after = after
        self._scope = scope
        self._rights = rights

    async def events(self, times: FeedTimes) -> AsyncGenerator[bytes]:
        """Yield the changes after where it stands, for ever, until the rights end or the process stops."""
        loop = asyncio.get_running_loop()
        checked = spoken = loop.time()
        pages, rights = Errand(self._page), Errand(self._still_may)
        yield format_sse_event(comment=f"the feed goes on after {self._after}", retry=1000)
        try:
            while not self._tail.stopped:
                # What the watch has heard waits for no database, so nothing before it may.
                for frame in self._strips.frames(self._scope, self._sees, self._after):
                    yield frame
                    spoken = loop.time()
                if loop.time() - checked >= times.rights and (may := await rights.result()) is not None:
                    if not may:
                        yield format_sse_event(comment="your rights have ended")
                        return
                    checked = loop.time()
                page = await self._next_page(pages)
                if page.changes:
                    yield page.frames
                    FEED_EVENTS.inc(page.changes)
                    spoken = loop.time()
                    # Sending need not wait for anything: let others in, and a reader's leaving be noticed.
                    await asyncio.sleep(0)
                if loop.time() - spoken >= times.keep_alive:
                    yield format_sse_event(comment="keep-alive")
                    spoken = loop.time()
                due = min(checked + times.rights, spoken + times.keep_alive) - loop.time()
                await self._tail.wait_for(self._has_news, max(due, 0.0))
        finally:
            await cancelled(pages.under_way | rights.under_way)

    def _has_news(self) -> bool:
        return self._tail.latest > self._after or self._strips.has_news()

    async def _next_page(self, pages: "Errand[tuple[Page, int]]") -> Page:
        """Return what has been read by now. Only with it the reader moves: what is said in between belongs before."""
        if self._tail.latest <= self._after and not pages.under_way:
            return NOTHING
        page, self._after = await pages.result() or (NOTHING, self._after)
        return page

    async def _page(self) -> tuple[Page, int]:
        """Read on; return also how far that is."""
        end = self._tail.latest
        try:
            page = await self._pages.after(self._after, self._scope, end)
        except StoreError:
            # Nothing is skipped by waiting: where it stands has not moved.
            await asyncio.sleep(AGAIN_AFTER)
            return NOTHING, self._after
        return page, page.last if page.changes == PAGE else max(end, page.last)

    async def _still_may(self) -> bool:
        try:
            self._scope = (await self._rights()).scope
        except StoreError:
            return True  # the rights last known hold while nobody can be asked
        except Problem:
            return False
        return True


class FeedResponse(StreamingResponse):
    """Sends what a reader yields. FastAPI's own loop for generators fails noisily whenever a reader leaves."""

    media_type = "text/event-stream"

    def __init__(self, reader: Reader, times: FeedTimes) -> None:
        self._events = reader.events(times)
        # X-Accel-Buffering: a proxy in between must not hold events back.
        super().__init__(self._events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        with FEEDS.track_inprogress():
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._events.aclose()
