"""The two sessions with the broker: a durable one for what must not be lost, a clean one for heartbeats."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable

from ingest.delivery import Delivery, Receipt
from ingest.receive import BeatReceiver, EventReceiver
from ingest.session import Broker, Change, Receiver, Session
from ingest.settings import IngestSettings
from ingest.standing import SessionName, Standing

log = logging.getLogger(__name__)


class Sessions:
    """`dead` names the session whose network thread ended by itself. `events` and `beats` are open from `open` on.

    `doubt`: for how many seconds nothing has shown that the partition is still ours. `nudge` is called in the event
    loop after every change.
    """

    events: Broker
    beats: Broker

    def __init__(
        self,
        settings: IngestSettings,
        *,
        standing: Standing,
        doubt: Callable[[], float],
        nudge: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._standing = standing
        self._doubt = doubt
        self._nudge = nudge
        self._stopping = False
        self.dead: SessionName | None = None

    def open(self, events: EventReceiver, beats: BeatReceiver) -> None:
        """Connect both, and from now on reconnect."""
        beats_id = f"ingest-beats-{secrets.token_hex(8)}"
        self.events = self._session("events", events, client_id=self._settings.client_id, clean=False)
        self.beats = self._session("heartbeats", beats, client_id=beats_id, clean=True)
        self._marks = (events.marks, beats.marks)
        self.events.connect()
        self.beats.connect()

    def mark(self, now: int) -> None:
        """Have marks sent that bear `now` (microseconds)."""
        for marks, session in zip(self._marks, (self.events, self.beats), strict=True):
            marks.ask(now)
            session.wake()

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledge what is committed."""
        receipts = [Receipt(d.generation, d.packet, d.serial) for d in deliveries if d.serial]
        if receipts:
            self.events.acknowledge(receipts)

    async def close(self) -> None:
        """End both connections; the broker keeps the durable session."""
        self._stopping = True
        ends = [asyncio.to_thread(session.disconnect) for session in (self.events, self.beats)]
        await asyncio.shield(asyncio.gather(*ends))

    def _session(self, name: SessionName, receiver: Receiver, *, client_id: str, clean: bool) -> Broker:
        loop = asyncio.get_running_loop()

        def tell(change: Change) -> None:
            loop.call_soon_threadsafe(self._changed, name, change)

        return Session(
            self._settings.broker, receiver, client_id=client_id, clean=clean, name=name, changed=tell,
            doubt=self._doubt,
        )  # fmt: skip

    def _changed(self, name: SessionName, change: Change) -> None:
        if change == "resumed":
            self._standing.resumed(name)
        elif change == "granted":
            self._standing.granted_now(name, time.monotonic())
            log.info("every subscription is granted", extra={"session": name})
        elif change == "lost":
            self._standing.lost(name)
        elif change == "ended" and not self._stopping:
            self.dead = name
        self._nudge()
