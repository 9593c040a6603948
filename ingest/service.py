"""Ingest as a whole: two sessions with the broker, one loop that writes, chores beside it."""

import asyncio
import logging
import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from devices.codec import Undecodable, decode_heartbeat
from ingest import metrics
from ingest.batcher import Batch, Batcher, wall_micros
from ingest.chores import repeat, report, tidy_up
from ingest.decode import Beaten
from ingest.delivery import Delivery, Receipt
from ingest.holding import Holding, take_over
from ingest.inbox import Inbox
from ingest.protocol import Engine
from ingest.quarantine import Refusal, refuse
from ingest.receive import BeatReceiver, EventReceiver
from ingest.session import Broker, Change, Receiver, Session
from ingest.settings import IngestSettings
from ingest.sifting import Refused, named, sift, tell
from ingest.standing import SECOND, SessionName, Standing
from ingest.state import flush_states
from ingest.stretch import Stretch
from ingest.tasks import is_cancelled, stoppable, until_one_ends
from ingest.writer import Written
from store.errors import DataRefused, StoreError, StoreUnavailable, WrongVersion, translated
from store.head import Fenced
from store.notify import listen
from store.pool import Connection, Pool, connect

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
SCAN_MICROS = SECOND
# With nothing to write the head row is touched this often: to say that we watch, to hear that we are fenced.
PROOF_MICROS = 2 * SECOND
REPORT_SECONDS = 2.0
FLUSH_SECONDS = 30.0
TIDY_SECONDS = 3600.0
# Until when a stop waits for the commit under way, so that it can still be acknowledged.
FAREWELL_SECONDS = 5.0
STALLED_MICROS = 30 * SECOND
RETRY_SECONDS = (0.1, 2.0)
# How long the clock, or an entry of the log, that the engine does not take waits for its next try.
CLOCK_RETRY_SECONDS = (0.5, 30.0)
STRAYS_HELD = 10_000


class NetworkThreadDied(Exception):
    """A session's thread ended by itself: a fault of ours; only a new process helps."""


class IngestService:
    """Runs until cancelled, or until another ingest takes the partition (`Fenced`)."""

    def __init__(self, *, settings: IngestSettings, pool: Pool, engine: Engine) -> None:
        self._settings = settings
        self._pool = pool
        self._engine = engine
        self._connection: Connection | None = None
        self._database_ok = True
        self._control_waiting = True
        self._last_now = 0
        self._scanned_at = 0
        self._committed_at = 0
        self._started_at = wall_micros()
        self._strays: list[Delivery] = []
        self._restarted = True
        self._dead: SessionName | None = None
        self._stopping = False
        self._fenced = False
        self._clock_failures = 0
        self._clock_waits_until = 0.0

    async def run(self) -> None:
        """Hold the partition and write what the broker brings. Raises `Fenced` when another holder has come."""
        try:
            self._holding = await stoppable(self._hold())
            await self._serve()
        finally:
            await self._close_connection()

    # ---------------------------------------------------------------- start and stop

    async def _hold(self) -> Holding:
        attempt = 0
        while True:
            try:
                return await take_over(await self._connected(), self._engine)
            except (DataRefused, WrongVersion):
                raise
            except StoreError as error:
                await self._wait_for_database(error, attempt)
                attempt += 1

    async def _serve(self) -> None:
        self._inbox = Inbox()
        self._events = EventReceiver(self._inbox, held_bytes=self._settings.held_bytes)
        self._beats = BeatReceiver()
        self._standing = Standing(self._events, ack_wait=self._settings.ack_wait, alive_at=self._holding.alive_at)
        self._batcher = Batcher(
            self._inbox, linger=self._settings.linger, most=self._settings.batch_messages, clock=self._now
        )
        sessions = self._open_sessions()
        try:
            await self._run_tasks()
        finally:
            self._stopping = True
            await asyncio.shield(asyncio.gather(*[asyncio.to_thread(s.disconnect) for s in sessions]))
            if not self._fenced:
                await self._flush_last()

    async def _flush_last(self) -> None:
        """Leave to the next ingest what was heard since the last flush."""
        self._note_beats()
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                with translated():
                    async with self._pool.connection() as conn:
                        await self._flush(conn)
        except (StoreError, TimeoutError):
            log.info("the last flush of devices' states was left out")

    def _open_sessions(self) -> Sequence[Broker]:
        beats_id = f"ingest-beats-{secrets.token_hex(8)}"
        self._session = self._session_of("events", self._events, client_id=self._settings.client_id, clean=False)
        beats = self._session_of("heartbeats", self._beats, client_id=beats_id, clean=True)
        self._session.connect()
        beats.connect()
        return self._session, beats

    def _session_of(self, name: SessionName, receiver: Receiver, *, client_id: str, clean: bool) -> Broker:
        loop = asyncio.get_running_loop()

        def tell(change: Change) -> None:
            loop.call_soon_threadsafe(self._session_changed, name, change)

        return Session(self._settings.broker, receiver, client_id=client_id, clean=clean, name=name, changed=tell)

    async def _run_tasks(self) -> None:
        try:
            await until_one_ends(
                {
                    "ingest-write": self._write_for_ever(),
                    "ingest-listen": self._listen(),
                    "ingest-beats": self._take_beats(),
                    "ingest-report": repeat(self._pool, REPORT_SECONDS, self._report),
                    "ingest-flush": repeat(self._pool, FLUSH_SECONDS, self._flush),
                    "ingest-tidy": repeat(self._pool, TIDY_SECONDS, self._tidy),
                }
            )
        except Fenced:
            self._fenced = True
            log.error("another ingest holds this partition now: stopping")  # noqa: TRY400 -- no fault, no traceback
            raise

    def _session_changed(self, name: SessionName, change: Change) -> None:
        if change == "granted":
            self._standing.granted_now(name, time.monotonic())
            log.info("every subscription is granted", extra={"session": name})
        elif change == "lost":
            self._standing.lost(name)
        elif change == "ended" and not self._stopping:
            self._dead = name
        self._inbox.nudge()

    # ---------------------------------------------------------------- the loop that writes

    async def _write_for_ever(self) -> None:
        while not is_cancelled():
            batch = await self._batcher.next(TICK_SECONDS)
            if self._dead is not None:
                raise NetworkThreadDied(f"the network thread of the session for {self._dead} has ended")
            strays, self._strays = self._strays, []
            await self._take_in(batch, [*batch.deliveries, *strays])
            self._inbox.release(batch.deliveries)

    async def _take_in(self, batch: Batch, deliveries: Sequence[Delivery]) -> None:
        try:
            with named():
                stretch = self._stretch(batch, deliveries)
                needed = self._is_needed(stretch)
            if needed:
                await self._write(stretch)
            elif stretch.caught_up:
                self._standing.alive_at = stretch.now
            if stretch.caught_up:
                self._clock_failures = 0
        except Refused as error:
            tell(error, "a stretch was refused: writing it in parts", messages=len(deliveries))
            await self._take_in_parts(deliveries, error)

    async def _write(self, stretch: Stretch) -> None:
        self._control_waiting = False
        self._adopt(stretch, await self._finished(self._commit(stretch)))

    async def _take_in_parts(self, deliveries: Sequence[Delivery], error: Refused) -> None:
        """Write each thing by itself: what others put into the log, then the messages; the clock waits meanwhile."""
        await self._write_control()
        if deliveries and await sift(deliveries, write=self._write_messages, set_aside=self._set_aside):
            return
        # No message was at fault: it is what the clock brings, and that is tried again later.
        seconds = _pause(self._clock_failures, CLOCK_RETRY_SECONDS)
        self._clock_failures += 1
        self._clock_waits_until = time.monotonic() + seconds
        tell(error, "what falls due cannot be taken in: rules stand still", seconds=round(seconds, 1))

    async def _write_control(self) -> None:
        """Take in what others put into the log. It cannot be passed over: tried until it is taken."""
        attempt = 0
        while True:
            try:
                return await self._write_messages([])
            except Refused as error:
                tell(error, "an entry of the log cannot be taken in: everything waits", attempt=attempt)
                await asyncio.sleep(_pause(attempt, CLOCK_RETRY_SECONDS))
                attempt += 1

    async def _write_messages(self, deliveries: Sequence[Delivery]) -> None:
        with named():
            decoded = self._holding.decoder.decode(deliveries, live=False)
        await self._write(Stretch(deliveries=deliveries, decoded=decoded, now=self._now(), caught_up=False))

    async def _set_aside(self, delivery: Delivery, error: Refused) -> None:
        """Put a whole message into quarantine, in which it is acknowledged."""
        tell(error, "a message goes to quarantine whole", bytes=len(delivery.payload))
        decoded = self._holding.decoder.decode([], live=False)
        source = "/".join(delivery.topic.split("/")[2:4])
        decoded.refusals.append(refuse(delivery, source, error.reason, error.detail))
        await self._write(Stretch(deliveries=[delivery], decoded=decoded, now=self._now(), caught_up=False))

    def _now(self) -> int:
        """Return the wall clock, which for us never goes back."""
        self._last_now = max(self._last_now, wall_micros())
        return self._last_now

    def _stretch(self, batch: Batch, deliveries: Sequence[Delivery]) -> Stretch:
        now = batch.drained_at or self._now()
        caught_up = self._standing.judge(batch.drained_at, time.monotonic())
        caught_up = caught_up and time.monotonic() >= self._clock_waits_until
        decoded = self._holding.decoder.decode(deliveries, live=caught_up)
        self._holding.liveness.touch(decoded.alive)
        stall = self._standing.stall_before(now) if caught_up else None
        # Silence is looked for after a stall is in the log, not with it.
        scan = caught_up and stall is None and now - self._scanned_at >= SCAN_MICROS
        return Stretch(deliveries=deliveries, decoded=decoded, now=now, caught_up=caught_up, scan=scan, stall=stall)

    def _is_needed(self, stretch: Stretch) -> bool:
        return bool(
            stretch.deliveries
            or self._control_waiting
            or stretch.scan
            or stretch.stall
            or stretch.now - self._committed_at >= PROOF_MICROS
            or (stretch.caught_up and self._engine.due(stretch.now))
        )

    async def _finished(self, work: Any) -> Written:
        """Await a commit; when we are stopped meanwhile, give it a moment, so that it can be acknowledged."""
        task: asyncio.Task[Written] = asyncio.create_task(work, name="ingest-commit")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=FAREWELL_SECONDS)
            task.cancel()
            raise

    async def _commit(self, stretch: Stretch) -> Written:
        attempt = 0
        with metrics.BATCH_SECONDS.time():
            while True:
                try:
                    written = await self._holding.writer.write(await self._connected(), stretch)
                except WrongVersion:
                    raise
                except StoreError as error:
                    metrics.RETRIES.inc()
                    await self._wait_for_database(error, attempt)
                    attempt += 1
                else:
                    self._database_ok = True
                    # Committed: nothing may come between this and the acknowledgement.
                    self._acknowledge(stretch)
                    return written

    def _acknowledge(self, stretch: Stretch) -> None:
        receipts = [Receipt(d.generation, d.packet, d.serial) for d in stretch.deliveries if d.serial]
        if receipts:
            self._session.acknowledge(receipts)

    def _adopt(self, stretch: Stretch, written: Written) -> None:
        holding, decoded = self._holding, stretch.decoded
        holding.decoder.numbers.update(written.numbers)
        holding.lag_watch.adopt(written.lagging)
        holding.liveness.adopt(written.changes, decoded.statuses)
        holding.liveness.touch(decoded.alive)
        holding.liveness.beat(decoded.beats)
        if stretch.stall is not None:
            unsaved = int(FLUSH_SECONDS * SECOND) if self._restarted else 0
            holding.liveness.stalled(stretch.stall, unsaved=unsaved)
            log.info("watching again", extra={"stalled_seconds": (stretch.stall.end - stretch.stall.begin) / SECOND})
        self._committed_at = stretch.now
        if stretch.caught_up:
            self._standing.alive_at = stretch.now
            self._restarted = False
        if stretch.scan:
            self._scanned_at = stretch.now
        _count(stretch, written)

    # ---------------------------------------------------------------- the database

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._settings.database_url, name="ingest")
        return self._connection

    async def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _wait_for_database(self, error: StoreError, attempt: int) -> None:
        level = logging.INFO if isinstance(error, StoreUnavailable) else logging.ERROR
        log.log(level, "the database did not take it: trying again", extra={"error": str(error), "attempt": attempt})
        self._database_ok = False
        await self._close_connection()
        await asyncio.sleep(_pause(attempt, RETRY_SECONDS))

    # ---------------------------------------------------------------- beside the log

    async def _listen(self) -> None:
        async for _ in listen(self._settings.database_url, "input_log", name="ingest-listen"):
            self._control_waiting = True
            self._inbox.nudge()

    async def _take_beats(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._note_beats()
            self._measure()

    def _measure(self) -> None:
        """Say how it stands, also while a commit waits for the database."""
        metrics.HELD_BYTES.set(self._inbox.held_bytes)
        metrics.CONNECTED.set(self._standing.granted)
        metrics.CAUGHT_UP.set(self._standing.caught_up)
        metrics.WATCHED_UNTIL.set((self._standing.alive_at or 0) / SECOND)

    def _note_beats(self) -> None:
        """Decode heartbeats in place; what is wrong with one goes the way of messages, to the quarantine."""
        beaten = []
        decoder = self._holding.decoder
        for beat in self._beats.take():
            route = decoder.route(beat.topic)
            try:
                if not isinstance(route, Refusal):
                    beaten.append(Beaten(route.device, beat.received_at, decode_heartbeat(beat.payload)))
                    continue
            except Undecodable:
                pass
            if len(self._strays) < STRAYS_HELD:
                self._strays.append(Delivery(beat.received_at, beat.topic, beat.payload))
        self._holding.liveness.beat(beaten)

    async def _flush(self, conn: Connection) -> None:
        await flush_states(conn, self._holding.liveness, self._holding.lag_watch)

    async def _tidy(self, conn: Connection) -> None:
        await tidy_up(conn, self._settings.keep)

    async def _report(self, conn: Connection) -> None:
        standing = self._standing
        watched_until = standing.alive_at or 0
        idle = wall_micros() - max(watched_until, self._started_at)
        detail = {
            "session": standing.granted,
            "caught_up": standing.caught_up,
            "database": self._database_ok,
            "epoch": self._holding.epoch,
            "held_bytes": self._inbox.held_bytes,
            "waiting": len(self._inbox),
            "behind_seconds": round(idle / SECOND, 3),
        }
        ok = standing.granted and self._database_ok and idle < STALLED_MICROS
        await report(conn, ok=ok, detail=detail)


def _pause(attempt: int, seconds: tuple[float, float]) -> float:
    """Return how long to wait before the next try: doubled each time, from the first of `seconds` to the last."""
    first, longest = seconds
    return min(longest, first * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.5)  # noqa: S311 -- jitter is no secret


def _count(stretch: Stretch, written: Written) -> None:
    metrics.COMMITS.inc()
    metrics.EVENTS.inc(written.stored)
    metrics.DUPLICATES.inc(written.duplicates)
    for reason, count in Counter([refusal.reason for refusal in written.refusals]).items():
        metrics.QUARANTINED.labels(reason).inc(count)
    # What is subscribed ends in a channel's name, so the labels are few whatever the rest of a topic says.
    for channel, count in Counter([delivery.topic.rpartition("/")[2] for delivery in stretch.deliveries]).items():
        metrics.MESSAGES.labels(channel).inc(count)
