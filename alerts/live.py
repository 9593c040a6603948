"""The engine in service: fed by ingest inside its transaction, its findings written beside the events."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.checkpoint import Mark
from alerts.engine import Engine
from alerts.kept import database_id, keep, restored, snapshot_of, throw_away
from alerts.reconcile import agrees, reconcile
from alerts.record import record
from alerts.replay import replay
from alerts.schedule import micros, moment
from alerts.versions import ensure_versions
from store.errors import StoreError
from store.head import Head, InputEntry, lock_head
from store.notify import notify
from store.pool import Connection

log = logging.getLogger(__name__)

# For how long a start waits for the head row; acts of people hold it for milliseconds.
HEAD_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did to the alerts."""

    changed: bool
    findings: int


class LiveEngine:
    """Implements ingest's protocol: bootstrap once, then run, and adopt or drop, in turn.

    `checkpoint` is the file that keeps the state between runs of the program; None: every start reads the whole log.
    """

    def __init__(self, checkpoint: Path | None = None) -> None:
        self._engine = Engine()
        self._path = checkpoint
        self._trusted = True
        self._database = ""
        self._mark: Mark | None = None
        self._next_mark: Mark | None = None
        self.unkept = 0

    @property
    def position(self) -> int:
        return self._engine.position

    async def bootstrap(self, conn: Connection) -> None:
        """Bring the catalogue's rules into the log, then rebuild the state from the checkpoint and the log after it.

        A start that failed for anything but the database leaves the checkpoint out the next time.
        """
        await ensure_versions(conn)
        self._database = await database_id(conn)
        self._mark = self._next_mark = None
        trusted, self._trusted = self._trusted, False
        try:
            self._engine = await self._rebuilt(conn, trusted=trusted)
        except StoreError:
            self._trusted = trusted
            raise
        self._trusted = True

    async def _rebuilt(self, conn: Connection, *, trusted: bool) -> Engine:
        if self._path is not None and not trusted:
            throw_away(self._path, "the last start with it failed")
        elif self._path is not None and (engine := await restored(conn, self._path)) is not None:
            if await self._read_to_the_end(conn, engine, agrees):
                return engine
            throw_away(self._path, "with the log after it, it gives other alerts than the database holds")
        engine = Engine()
        await self._read_to_the_end(conn, engine, reconcile)
        return engine

    async def _read_to_the_end(
        self, conn: Connection, engine: Engine, compare: Callable[[Connection, Engine], Awaitable[bool]]
    ) -> bool:
        """Read the log; then, while nobody can act, what came meanwhile, and compare with the database's alerts."""
        since = engine.position
        await self._read_on(conn, engine)
        async with conn.transaction():
            await lock_head(conn, wait=HEAD_SECONDS)
            await replay(conn, engine)
            self.unkept = engine.position - since
            return await compare(conn, engine)

    async def _read_on(self, conn: Connection, engine: Engine) -> None:
        since, began = engine.position, time.monotonic()
        read = await replay(conn, engine)
        seconds = round(time.monotonic() - began, 3)
        extra = {"checkpoint": since, "position": engine.position, "seconds": seconds, **read._asdict()}
        log.info("the state is rebuilt", extra=extra)

    async def run(
        self,
        conn: Connection,
        head: Head,
        *,
        control: Sequence[InputEntry],
        events: NDArray[np.void],
        watermark: int | None,
        received_at: int,
    ) -> Outcome:
        """Take in what follows in the log and write what is found; the caller commits, then adopts.

        A `watermark` stands at the log's end, `head.position`, and comes last.
        """
        findings = self._engine.apply(control, events)
        if watermark is not None:
            findings += self._engine.advance(watermark, head.position)
        self._engine.advanced_to(head.position)
        if findings:
            await record(conn, head, findings, moment(received_at))
            await notify(conn, "alert_log", str(head.log_id))
        self._next_mark = self._marked(head, control, events, watermark) or self._mark
        return Outcome(changed=bool(findings), findings=len(findings))

    def adopt(self) -> None:
        """The batch is committed."""
        self._engine.adopt()
        self._mark = self._next_mark

    def drop(self) -> None:
        """The batch is not there."""
        self._engine.drop()

    def due(self, now: int) -> bool:
        """Whether a watermark at `now` (microseconds) would fire anything."""
        return self._engine.due(now)

    def snapshot(self) -> Callable[[], None] | None:
        """Copy the adopted state; what is returned writes it. None where nothing is known to be committed."""
        mark = self._mark
        if self._path is None or mark is None or mark.position != self.position or not self._engine.settled:
            return None
        copy = snapshot_of(self._engine, mark)
        return None if copy is None else partial(keep, copy, self._path)

    def _marked(
        self, head: Head, control: Sequence[InputEntry], events: NDArray[np.void], watermark: int | None
    ) -> Mark | None:
        """Where the log is after this stretch; None where nothing was added to it."""
        ends = [(entry.position, micros(entry.at)) for entry in control[-1:]]
        ends += [(int(event["position"]), int(event["received_at"])) for event in events[-1:]]
        ends += [] if watermark is None else [(head.position, watermark)]
        if not ends or max(ends)[0] != head.position:
            return None
        return Mark(
            database=self._database, epoch=head.epoch, position=head.position, at=max(ends)[1], log_id=head.log_id,
            chain=head.chain.hex(),
        )  # fmt: skip
