"""The loop that writes: batches become stretches of the log, each committed, then adopted and acknowledged."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ingest import metrics
from ingest.batcher import Batch, Batcher, wall_micros
from ingest.beats import Beats
from ingest.delivery import Delivery
from ingest.holding import Holding
from ingest.inbox import Inbox
from ingest.keeping import Keeping
from ingest.link import Link, pause
from ingest.protocol import Engine
from ingest.quarantine import refuse
from ingest.sessions import Sessions
from ingest.settings import IngestSettings
from ingest.sifting import Refused, named, sift, tell
from ingest.standing import PAUSE, SECOND, Standing
from ingest.stretch import Stretch
from ingest.tasks import is_cancelled
from ingest.writer import Written
from store.errors import StoreError, WrongVersion

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
SCAN_MICROS = SECOND
# With nothing to write the head row is touched this often: to say that we watch, to hear that we are fenced.
PROOF_MICROS = 2 * SECOND
# How often devices' states are flushed: what was heard since the last flush is forgotten by a kill.
FLUSH_SECONDS = 30.0
# Until when a stop waits for the commit under way, so that it can still be acknowledged.
FAREWELL_SECONDS = 5.0
# How long the clock, or an entry of the log, that the engine does not take waits for its next try.
CLOCK_RETRY_SECONDS = (0.5, 30.0)


class NetworkThreadDied(Exception):
    """A session's thread ended by itself: a fault of ours; only a new process helps."""


class Clock:
    """The wall clock in microseconds, which for us never goes back."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last, wall_micros())
        return self._last


class Writing:
    """One holder's loop. `control_waiting`: others have put something into the log.

    `proved_at` is when the last commit that succeeded was begun (monotonic seconds): then the partition was ours.
    """

    def __init__(
        self,
        settings: IngestSettings,
        *,
        engine: Engine,
        holding: Holding,
        link: Link,
        inbox: Inbox,
        standing: Standing,
        beats: Beats,
        keeping: Keeping,
    ) -> None:
        self._engine = engine
        self._holding = holding
        self._link = link
        self._inbox = inbox
        self._standing = standing
        self._beats = beats
        self._keeping = keeping
        self._clock = Clock()
        self._batcher = Batcher(
            inbox,
            upto=self._read_upto,
            resuming=lambda: standing.is_resuming(time.monotonic()),
            linger=settings.linger,
            most=settings.batch_messages,
            clock=self._clock.now,
        )
        self.control_waiting = True
        self.proved_at = time.monotonic()
        self._due = False
        self._scanned_at = 0
        self._committed_at = 0
        self._restarted = True
        self._clock_failures = 0
        self._clock_waits_until = 0.0

    def doubt(self) -> float:
        """For how many seconds nothing has shown that the partition is still ours. Safe in any thread."""
        return time.monotonic() - self.proved_at

    async def for_ever(self, sessions: Sessions) -> None:
        """Write until cancelled. Raises `Fenced`, `WrongVersion`, `NetworkThreadDied`."""
        self._sessions = sessions
        while not is_cancelled():
            self._send_marks()
            batch = await self._batcher.next(TICK_SECONDS)
            if sessions.dead is not None:
                raise NetworkThreadDied(f"the network thread of the session for {sessions.dead} has ended")
            await self._take_in(batch, [*batch.deliveries, *self._beats.take_strays()])
            self._inbox.release(batch.deliveries)
            self._keeping.in_passing()

    async def _take_in(self, batch: Batch, deliveries: Sequence[Delivery]) -> None:
        try:
            with named():
                stretch = self._stretch(batch, deliveries)
                needed = self._is_needed(stretch)
            if needed:
                await self._write(stretch)
            elif stretch.upto is not None:
                self._standing.watched(stretch.upto)
            if stretch.upto is not None:
                self._clock_failures = 0
        except Refused as error:
            tell(error, "a stretch was refused: writing it in parts", messages=len(deliveries))
            await self._take_in_parts(deliveries, error)

    async def _write(self, stretch: Stretch) -> None:
        self.control_waiting = False
        self._adopt(stretch, await self._finished(self._commit(stretch)))

    async def _take_in_parts(self, deliveries: Sequence[Delivery], error: Refused) -> None:
        """Write each thing by itself: what others put into the log, then the messages; the clock waits meanwhile."""
        await self._write_control()
        if deliveries and await sift(deliveries, write=self._write_messages, set_aside=self._set_aside):
            return
        # No message was at fault: it is what the clock brings, and that is tried again later.
        seconds = pause(self._clock_failures, CLOCK_RETRY_SECONDS)
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
                await asyncio.sleep(pause(attempt, CLOCK_RETRY_SECONDS))
                attempt += 1

    async def _write_messages(self, deliveries: Sequence[Delivery]) -> None:
        with named():
            await self._write(self._plain(deliveries))

    async def _set_aside(self, delivery: Delivery, error: Refused) -> None:
        """Put a whole message into quarantine, in which it is acknowledged."""
        tell(error, "a message goes to quarantine whole", bytes=len(delivery.payload))
        stretch = self._plain([])
        stretch.deliveries = [delivery]
        source = "/".join(delivery.topic.split("/")[2:4])
        stretch.decoded.refusals.append(refuse(delivery, source, error.reason, error.detail))
        await self._write(stretch)

    def _plain(self, deliveries: Sequence[Delivery]) -> Stretch:
        """Messages alone: the clock stands still."""
        decoded = self._holding.decoder.decode(deliveries, live=False)
        return Stretch(deliveries=deliveries, decoded=decoded, now=self._clock.now(), upto=None, live=False)

    def _send_marks(self) -> None:
        now = self._clock.now()
        if self._standing.asks(now, due=self._due):
            self._sessions.mark(now)

    def _read_upto(self) -> int | None:
        """Until when all has reached us; what it says of heartbeats is noted then."""
        upto = self._standing.read_upto(self._clock.now(), time.monotonic())
        self._beats.note()
        return upto

    def _stretch(self, batch: Batch, deliveries: Sequence[Delivery]) -> Stretch:
        self._due = self._engine.due(batch.closed_at)
        now = batch.closed_at
        upto = self._standing.judge(batch.upto, now, time.monotonic())
        if time.monotonic() < self._clock_waits_until:
            upto = None
        live = upto is not None and now - upto <= PAUSE
        decoded = self._holding.decoder.decode(deliveries, live=live)
        self._holding.liveness.touch(decoded.alive)
        stall = None if upto is None else self._standing.stall_before(upto)
        # Silence is looked for after a stall is in the log, not with it.
        scan = upto is not None and stall is None and upto - self._scanned_at >= SCAN_MICROS
        return Stretch(
            deliveries=deliveries, decoded=decoded, now=now, upto=upto, live=live, scan=scan, stall=stall,
            mixed=batch.mixed,
        )  # fmt: skip

    def _is_needed(self, stretch: Stretch) -> bool:
        return bool(
            stretch.deliveries
            or self.control_waiting
            or stretch.scan
            or stretch.stall
            or stretch.now - self._committed_at >= PROOF_MICROS
            or self._is_due(stretch.upto)
        )

    def _is_due(self, upto: int | None) -> bool:
        return upto is not None and upto > (self._standing.alive_at or 0) and self._engine.due(upto)

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
                begun = time.monotonic()
                try:
                    written = await self._holding.writer.write(await self._link.connected(), stretch)
                except WrongVersion:
                    raise
                except StoreError as error:
                    metrics.RETRIES.inc()
                    await self._link.failed(error, attempt)
                    attempt += 1
                else:
                    self.proved_at = begun
                    self._link.worked()
                    # Committed: nothing may come between this and the acknowledgement.
                    self._sessions.acknowledge(stretch.deliveries)
                    return written

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
        if stretch.upto is not None:
            self._standing.watched(stretch.upto)
            self._restarted = False
            self._scanned_at = stretch.upto if stretch.scan else self._scanned_at
        _count(stretch, written)


def _count(stretch: Stretch, written: Written) -> None:
    metrics.COMMITS.inc()
    metrics.EVENTS.inc(written.stored)
    metrics.DUPLICATES.inc(written.duplicates)
    for reason, count in Counter([refusal.reason for refusal in written.refusals]).items():
        metrics.QUARANTINED.labels(reason).inc(count)
    # What is subscribed ends in a channel's name, so the labels are few whatever the rest of a topic says.
    for channel, count in Counter([delivery.topic.rpartition("/")[2] for delivery in stretch.deliveries]).items():
        metrics.MESSAGES.labels(channel).inc(count)
