"""The lookout as a whole: it hears emergencies, looks for them in the database, and tells those that are not there."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.address import BrokerAddress
from ingest.batcher import wall_micros
from ingest.lookout import metrics
from ingest.lookout.listening import Ear
from ingest.lookout.matching import Looked, look
from ingest.lookout.memory import Memory
from ingest.lookout.outstanding import SECOND, Gone, Outstanding
from ingest.lookout.presses import Press, presses_in
from ingest.session import Change, Session
from ingest.tasks import is_cancelled, until_one_ends
from store.errors import StoreError
from store.pool import Connection, connect, within

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
LOOK_SECONDS = 0.25
# What is told already is not looked for as often, and an unwilling database is left alone for as long.
LOOK_AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 3.0
SAVE_SECONDS = 0.25


class DeafError(Exception):
    """The session's thread ended by itself: a fault of ours; only a new process helps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookoutSettings:
    """`patience` is how long an emergency may take to be found committed, in seconds; `file` what is left on disk."""

    broker: BrokerAddress
    database_url: str = field(repr=False)
    file: Path
    patience: float = 2.0


class Lookout:
    """Runs until cancelled. `told` hears of emergencies that were not found; `changed` of any change of what is told.

    Both are called on the loop and must not block.
    """

    def __init__(
        self,
        settings: LookoutSettings,
        *,
        told: Callable[[Sequence[Press]], None],
        changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._told = told
        self._changed = changed
        self._outstanding = Outstanding(patience=round(settings.patience * SECOND))
        self._memory = Memory(settings.file)
        self._ear = Ear(self._wake_soon)
        self._work = asyncio.Event()
        self._unsaved = asyncio.Event()
        self._connection: Connection | None = None
        self._hears = False
        self._ended = False
        self._stopping = False

    @property
    def hears(self) -> bool:
        """Whether both filters are subscribed right now."""
        return self._hears

    @property
    def unrecorded(self) -> list[Press]:
        """What was told and not found yet, oldest first."""
        return self._outstanding.told

    @property
    def gone(self) -> list[Gone]:
        """What became of what was told, for the last minutes."""
        return self._outstanding.gone

    async def run(self) -> None:
        """Listen, look and tell for ever. Raises `DeafError`."""
        self._loop = asyncio.get_running_loop()
        self._outstanding.restore(self._memory.load())
        self._changed_now()
        self._work.set()
        session = Session(
            self._settings.broker,
            self._ear,
            client_id=f"watch-{secrets.token_hex(8)}",
            clean=True,
            name="watch",
            changed=self._session_changed_soon,
            doubt=lambda: 0.0,  # a session of our own: nobody else can be the one to have it
        )
        session.connect()
        try:
            await until_one_ends(
                {"lookout-hear": self._hear(), "lookout-look": self._look(), "lookout-save": self._save()}
            )
        finally:
            self._stopping = True
            await asyncio.shield(asyncio.to_thread(session.disconnect))
            self._memory.save(self._outstanding.keep())
            await self._close()

    # ---------------------------------------------------------------- from the network thread

    def _wake_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._work.set)

    def _session_changed_soon(self, change: Change) -> None:
        self._loop.call_soon_threadsafe(self._session_changed, change)

    def _session_changed(self, change: Change) -> None:
        self._hears = change == "granted"
        self._ended |= change == "ended" and not self._stopping
        metrics.CONNECTED.set(self._hears)
        if change in ("granted", "lost"):
            log.info("the watch hears the broker" if self._hears else "the watch does not hear the broker")
        self._work.set()

    # ---------------------------------------------------------------- hearing and telling; needs nobody

    async def _hear(self) -> None:
        while True:
            await self._news()
            if self._ended:
                raise DeafError("the network thread of the watch has ended")
            self._take()
            self._tell()

    async def _news(self) -> None:
        """Wait for something heard, or, while something waits, for the next moment to tell it."""
        try:
            async with asyncio.timeout(TICK_SECONDS if self._outstanding.waiting else LOOK_AGAIN_SECONDS):
                await self._work.wait()
        except TimeoutError:
            pass
        self._work.clear()

    def _take(self) -> None:
        for message in self._ear.take():
            for press in presses_in(message):
                if self._outstanding.add(press):
                    metrics.HEARD.inc()
                    self._unsaved.set()
                elif self._outstanding.is_crowded(press):
                    metrics.OVERFLOW.inc()

    def _tell(self) -> None:
        now = wall_micros()
        late = self._outstanding.due(now)
        before = len(self._outstanding.gone)
        self._outstanding.forget_old(now)
        if late:
            log.warning("emergencies are not in the database: telling them", extra={"count": len(late)})
            metrics.TOLD.inc(len(late))
            self._told(late)
        if late or len(self._outstanding.gone) != before:
            self._changed_now()

    def _changed_now(self) -> None:
        metrics.UNRECORDED.set(len(self._outstanding.told))
        self._unsaved.set()
        self._changed()

    # ---------------------------------------------------------------- looking; may take any time

    async def _look(self) -> None:
        while not is_cancelled():
            pressing = bool(self._outstanding.waiting)
            if len(self._outstanding):
                pressing &= await self._look_once()
            await asyncio.sleep(LOOK_SECONDS if pressing else LOOK_AGAIN_SECONDS / 2)

    async def _look_once(self) -> bool:
        """Whether the database could be asked."""
        presses = [*self._outstanding.waiting, *self._outstanding.told]
        try:
            connection = await self._connected()
            with within(connection, ANSWER_SECONDS):
                looked = await look(connection, presses, self._outstanding.rows)
        except StoreError as error:
            log.info("emergencies cannot be looked for", extra={"kind": type(error).__name__})
            await self._close()
            return False
        self._settle(looked)
        return True

    def _settle(self, looked: Looked) -> None:
        now = wall_micros()
        told = False
        for key, outcome, row in looked.found:
            if row is not None:
                self._outstanding.rows[row] = None
            told |= self._outstanding.settle(key, outcome, log_id=looked.log_id, now=now)
        if looked.found:
            self._unsaved.set()
        if told:
            self._changed_now()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._settings.database_url, name="watch-look")
        return self._connection

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    # ---------------------------------------------------------------- leaving it to the next process

    async def _save(self) -> None:
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            await asyncio.to_thread(self._memory.save, self._outstanding.keep())
            await asyncio.sleep(SAVE_SECONDS)
