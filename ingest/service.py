"""Ingest as a whole: stand by, take the partition over, then write what two sessions bring, with chores beside it."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any

from ingest import metrics
from ingest.batcher import wall_micros
from ingest.beats import Beats
from ingest.chores import STANDBY, repeat, report, tidy_up, withdraw
from ingest.holding import take_over
from ingest.inbox import Inbox
from ingest.keeping import Keeping
from ingest.link import Link, pause
from ingest.post import Post
from ingest.protocol import Engine
from ingest.receive import BeatReceiver, EventReceiver
from ingest.sessions import Sessions
from ingest.settings import IngestSettings
from ingest.sifting import Refused, named, tell
from ingest.standing import SECOND, Standing
from ingest.state import flush_states
from ingest.tasks import is_cancelled, until_one_ends
from ingest.writing import CLOCK_RETRY_SECONDS, FAREWELL_SECONDS, FLUSH_SECONDS, TICK_SECONDS, Writing
from store.errors import StoreError, WrongVersion, translated
from store.head import Fenced
from store.holder import check_epoch
from store.notify import listen
from store.pool import Connection, Pool

log = logging.getLogger(__name__)

Chore = Callable[[Connection], Awaitable[None]]

REPORT_SECONDS = 2.0
TIDY_SECONDS = 3600.0
STALLED_MICROS = 30 * SECOND
REBUILDING = "it rebuilds its state from the log"
BROKEN = "the rules' state cannot be rebuilt from the log: see the log of ingest"


async def hold_or_stand_by(make: Callable[[], "IngestService"]) -> None:
    """Ingest for ever: who was followed by another starts afresh, as one that stands by."""
    while not is_cancelled():
        try:
            await make().run()
        except Fenced:
            log.warning("another ingest holds this partition now: disconnected, standing by")


class IngestService:
    """One term: stands by, holds the partition, and ends when cancelled or when another has taken it (`Fenced`)."""

    def __init__(self, *, settings: IngestSettings, pool: Pool, engine: Engine) -> None:
        self._settings = settings
        self._pool = pool
        self._engine = engine
        self._link = Link(settings.database_url)
        self._post = Post(settings.database_url)
        self._reason = REBUILDING
        self._stood_by = False
        self._fenced = False

    async def run(self) -> None:
        """Raises `Fenced` when another holder has come."""
        try:
            await until_one_ends({"ingest-post": self._post.stand_by(), "ingest-report": self._repeat(self._stands_by)})
            await until_one_ends({"ingest-hold": self._hold(), "ingest-report": self._repeat(self._starts)})
            await self._serve()
        finally:
            await self._link.close()
            await self._post.close()

    def _repeat(self, chore: Chore, seconds: float = REPORT_SECONDS) -> Coroutine[Any, Any, None]:
        return repeat(self._pool, seconds, chore)

    # ---------------------------------------------------------------- before

    async def _stands_by(self, conn: Connection) -> None:
        if self._post.waiting:
            detail = {"host": socket.gethostname(), "holder_still_seconds": round(self._post.still, 1)}
            await report(conn, ok=True, detail=detail, name=STANDBY)
            self._stood_by = True

    async def _starts(self, conn: Connection) -> None:
        await report(conn, ok=False, detail={"session": False, "reason": self._link.trouble or self._reason})

    async def _hold(self) -> None:
        attempt = 0
        while not await self._taken_over(attempt):
            attempt += 1

    async def _taken_over(self, attempt: int) -> bool:
        """One try; after one that failed, say why and wait."""
        try:
            with named():
                self._holding = await take_over(await self._link.connected(), self._engine, prove=self._post.prove)
        except WrongVersion:
            raise
        except StoreError as error:
            await self._link.failed(error, attempt)
        except Refused as error:
            self._reason = BROKEN
            tell(error, "the state cannot be rebuilt: nobody is watching", attempt=attempt)
            await asyncio.sleep(pause(attempt, CLOCK_RETRY_SECONDS))
        else:
            self._link.worked()
            return True
        return is_cancelled()

    # ---------------------------------------------------------------- while holding

    async def _serve(self) -> None:
        self._started_at = wall_micros()
        self._inbox = Inbox()
        self._events = EventReceiver(self._inbox, held_bytes=self._settings.held_bytes)
        receiver = BeatReceiver()
        self._beats = Beats(receiver, self._holding)
        self._standing = Standing(self._events, ack_wait=self._settings.ack_wait, alive_at=self._holding.alive_at)
        self._keeping = Keeping(self._engine)
        self._writing = Writing(
            self._settings, engine=self._engine, holding=self._holding, link=self._link, inbox=self._inbox,
            standing=self._standing, beats=self._beats, keeping=self._keeping,
        )  # fmt: skip
        self._sessions = Sessions(
            self._settings, standing=self._standing, doubt=self._writing.doubt, nudge=self._inbox.nudge
        )
        self._sessions.open(self._events, receiver)
        try:
            await self._run_tasks()
        finally:
            await self._sessions.close()
            for gauge in (metrics.CONNECTED, metrics.CAUGHT_UP, metrics.HELD_BYTES):
                gauge.set(0)
            if not self._fenced:
                await self._leave()

    async def _run_tasks(self) -> None:
        try:
            await until_one_ends(
                {
                    "ingest-write": self._writing.for_ever(self._sessions),
                    "ingest-post": self._post.keep(self._holding.epoch),
                    "ingest-listen": self._listen(),
                    "ingest-beats": self._take_beats(),
                    "ingest-report": self._repeat(self._as_holder(self._report)),
                    "ingest-flush": self._repeat(self._as_holder(self._flush), FLUSH_SECONDS),
                    "ingest-tidy": self._repeat(self._as_holder(tidy_up), TIDY_SECONDS),
                }
            )
        except Fenced:
            self._fenced = True
            raise

    def _as_holder(self, chore: Chore) -> Chore:
        """Whoever was followed while he slept has no chores any more."""

        @wraps(chore)
        async def guarded(conn: Connection) -> None:
            await check_epoch(conn, self._holding.epoch)
            await chore(conn)

        return guarded

    async def _leave(self) -> None:
        """Leave to the next ingest what was heard since the last flush, and the engine's state."""
        self._beats.note()
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                with translated():
                    async with self._pool.connection() as conn:
                        await self._as_holder(self._flush)(conn)
        except (StoreError, TimeoutError, Fenced):
            log.info("the last flush of devices' states was left out")
            return
        await self._keeping.at_the_end(FAREWELL_SECONDS)

    # ---------------------------------------------------------------- beside the log

    async def _listen(self) -> None:
        async for _ in listen(self._settings.database_url, "input_log", name="ingest-listen"):
            self._writing.control_waiting = True
            self._inbox.nudge()

    async def _take_beats(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._beats.note()
            self._measure()

    def _measure(self) -> None:
        """Say how it stands, also while a commit waits for the database."""
        metrics.HELD_BYTES.set(self._inbox.held_bytes)
        metrics.CONNECTED.set(self._standing.granted)
        metrics.CAUGHT_UP.set(self._standing.caught_up)
        metrics.WATCHED_UNTIL.set((self._standing.alive_at or 0) / SECOND)

    async def _flush(self, conn: Connection) -> None:
        await flush_states(conn, self._holding.liveness, self._holding.lag_watch)

    async def _report(self, conn: Connection) -> None:
        standing = self._standing
        watched_until = standing.alive_at or 0
        idle = wall_micros() - max(watched_until, self._started_at)
        detail: dict[str, Any] = {
            "session": standing.granted,
            "caught_up": standing.caught_up,
            "database": self._link.ok,
            "epoch": self._holding.epoch,
            "held_bytes": self._inbox.held_bytes,
            "waiting": len(self._inbox),
            "behind_seconds": round(idle / SECOND, 3),
        }
        if self._link.trouble:
            detail["reason"] = self._link.trouble
        ok = standing.granted and self._link.ok and idle < STALLED_MICROS
        await report(conn, ok=ok, detail=detail)
        if self._stood_by:
            await withdraw(conn, STANDBY)
            self._stood_by = False
