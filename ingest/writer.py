"""One stretch of the log, one transaction: acknowledged means committed (design, guarantee 1; decision 0002)."""

import logging
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from devices.columns import FLAG_SKEWED
from ingest.claims import claim
from ingest.clocks import Lagging, LagWatch
from ingest.copying import copy_events, find_refused
from ingest.decode import Decoded, Decoder
from ingest.liveness import Change, Liveness
from ingest.numbering import number
from ingest.protocol import Engine
from ingest.quarantine import REFUSED_BY_DATABASE, Refusal, keep, name_strangers
from ingest.sifting import Refused, named
from ingest.state import keep_changes
from ingest.stretch import Stretch, moment
from store.errors import DataRefused, StoreUnavailable, translated
from store.head import Head, InputEntry, append_input, lock_head, read_input, save_head
from store.pool import Connection

log = logging.getLogger(__name__)

# People's actions hold the row for milliseconds; longer than this somebody hangs, and we start over.
LOCK_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class Written:
    """What a transaction did, to be taken over once it is committed."""

    batch: UUID
    stored: int
    duplicates: int
    refusals: list[Refusal]
    numbers: dict[str, int]
    lagging: Lagging
    changes: list[Change]


class Writer:
    """Writes stretches for one holder of the partition. One at a time."""

    def __init__(
        self, *, epoch: int, engine: Engine, decoder: Decoder, liveness: Liveness, lag_watch: LagWatch, position: int
    ) -> None:
        self._epoch = epoch
        self._engine = engine
        self._decoder = decoder
        self._liveness = liveness
        self._lag_watch = lag_watch
        self._registry_position = position
        self._in_doubt: Written | None = None

    async def write(self, conn: Connection, stretch: Stretch) -> Written:
        """Commit a stretch, or find that an earlier try of it was committed after all.

        Raises `StoreUnavailable` or `LockTimeout` when nothing can be said yet: call again with the same stretch.
        Raises `Fenced` when another ingest holds the partition, `Refused` when the same stretch would fail again.
        """
        if (earlier := await self._resolve(conn)) is not None:
            return earlier
        while True:
            try:
                with named():
                    written = await self._try(conn, stretch)
            except DataRefused as error:
                with named():
                    await self._set_culprits_aside(conn, stretch, error)
            else:
                self._engine.adopt()
                return written

    async def _resolve(self, conn: Connection) -> Written | None:
        """Return what an earlier try wrote if its COMMIT, whose answer never came, took effect."""
        written = self._in_doubt
        if written is None:
            return None
        with translated():
            async with conn.transaction():
                head = await lock_head(conn, epoch=self._epoch, wait=LOCK_SECONDS)
        committed = head.batch == written.batch
        log.warning("a commit without an answer", extra={"committed": committed})
        self._in_doubt = None
        if committed:
            self._engine.adopt()
            return written
        self._engine.drop()
        return None

    async def _try(self, conn: Connection, stretch: Stretch) -> Written:
        try:
            with translated():
                async with conn.transaction():
                    written = await self._in_transaction(conn, stretch)
                    # From here on a failure may be that of the COMMIT, or of its answer alone.
                    self._in_doubt = written
        except StoreUnavailable:
            if self._in_doubt is None:
                self._engine.drop()
            raise
        except BaseException:
            self._in_doubt = None
            self._engine.drop()
            raise
        self._in_doubt = None
        return written

    async def _in_transaction(self, conn: Connection, stretch: Stretch) -> Written:
        head = await lock_head(conn, epoch=self._epoch, wait=LOCK_SECONDS)
        control = await self._read_control(conn, head, stretch)
        decoded = stretch.decoded
        numbers = await self._number(conn, decoded)
        events, details, lagging = await self._select(conn, stretch)
        changes = self._liveness.changes(stretch.upto or stretch.now, decoded.statuses, scan=stretch.scan)
        control += await append_input(conn, head, stretch.entries(changes))
        await keep_changes(conn, changes, decoded.statuses)
        events["position"] = np.arange(head.position + 1, head.position + 1 + len(events))
        head.position += len(events)
        await self._run_engine(conn, head, stretch, control, events)
        await copy_events(conn, events, details)
        refusals = await self._quarantine(conn, stretch)
        head.batch = uuid4()
        if stretch.upto is not None:
            head.alive_at = moment(stretch.upto)
        await save_head(conn, head)
        duplicates = len(decoded.events) - len(stretch.refused_rows) - len(events)
        return Written(
            batch=head.batch,
            stored=len(events),
            duplicates=duplicates,
            refusals=refusals,
            numbers=numbers,
            lagging=lagging,
            changes=changes,
        )

    async def _read_control(self, conn: Connection, head: Head, stretch: Stretch) -> list[InputEntry]:
        """Return what others have put into the log, and know the devices that it registers from here on."""
        if head.position == self._engine.position:
            return []
        control = await read_input(conn, self._engine.position, head.position)
        registry = [e for e in control if e.kind == "registry" and e.position > self._registry_position]
        for entry in registry:
            # Committed by others: this holds whatever becomes of our transaction.
            self._decoder.directory.apply(entry.body)
            self._liveness.forget(entry.body.get("remove", {}).get("device", ()))
            self._registry_position = entry.position
        if registry:
            self._decoder.forget_routes()
            directory = self._decoder.directory
            self._liveness.watch(directory.interval, directory.grace)
            if stretch.decoded.has_strangers:
                stretch.decode_again(self._decoder)
        return control

    async def _number(self, conn: Connection, decoded: Decoded) -> dict[str, int]:
        if not decoded.unnumbered:
            return {}
        numbers = await number(conn, decoded.unnumbered)
        for name, rows in decoded.unnumbered.items():
            decoded.events["type"][rows] = numbers[name]
        return numbers

    async def _select(self, conn: Connection, stretch: Stretch) -> tuple[NDArray[np.void], list[bytes], Lagging]:
        """Return the events that are to be stored, as a copy, with their details."""
        decoded = stretch.decoded
        lagging = self._lag_watch.observe(
            decoded.events["device"], decoded.events["at"], decoded.events["received_at"], decoded.live
        )
        candidates = [n for n in range(len(decoded.events)) if n not in stretch.refused_rows]
        fresh = await claim(conn, [decoded.identities[n] for n in candidates], moment(stretch.now))
        rows = np.array(candidates, np.intp)[fresh]
        events = decoded.events[rows]
        skewed = lagging.skewed[rows]
        events["flags"][skewed] |= FLAG_SKEWED
        events["effective_at"][skewed] = events["received_at"][skewed]
        details = [decoded.details[n] for n in rows]
        if stretch.mixed:
            order = np.argsort(events["effective_at"], kind="stable")
            events, details = events[order], [details[n] for n in order]
        return events, details, lagging

    async def _run_engine(
        self, conn: Connection, head: Head, stretch: Stretch, control: list[InputEntry], events: NDArray[np.void]
    ) -> None:
        watermark = stretch.upto if stretch.upto is not None and self._engine.due(stretch.upto) else None
        if watermark is not None:
            await append_input(conn, head, [InputEntry(kind="watermark", at=moment(watermark), body={})])
        await self._engine.run(conn, head, control=control, events=events, watermark=watermark, received_at=stretch.now)

    async def _quarantine(self, conn: Connection, stretch: Stretch) -> list[Refusal]:
        refusals = await name_strangers(conn, [*stretch.decoded.refusals, *stretch.refused()])
        if refusals:
            await keep(conn, refusals)
        return refusals

    async def _set_culprits_aside(self, conn: Connection, stretch: Stretch, error: DataRefused) -> None:
        """Find the events that the database does not take. If there are none, it refuses what they cause."""
        decoded = stretch.decoded
        with translated():
            found = await find_refused(conn, decoded.events, decoded.details)
        culprits = set(found) - stretch.refused_rows
        if not culprits:
            raise Refused(REFUSED_BY_DATABASE, f"{error} {error.sqlstate}") from error
        log.warning("the database refuses events", extra={"events": len(culprits), "sqlstate": error.sqlstate})
        stretch.refused_rows |= culprits
