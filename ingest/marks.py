"""Until when everything that was sent has been read, seen by marks of ours behind whatever the broker holds for us."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingest.batcher import wall_micros

# No site has this code.
PREFIX = "shouwang/v1/~/"
_NONCE_BYTES = 8
# A mark that took so long says that the broker stood still. What others had sent it by then may come behind the mark,
# since it reads each connection by itself: such a mark is believed a while later (microseconds, seconds).
SLOW, BELIEVED_AFTER = 1_000_000, 1.0


class Outgoing(NamedTuple):
    """A message of our own."""

    topic: str
    payload: bytes
    qos: int


class Marks:
    """A mark bears the moment at which it was asked for. Back on a channel, all before it has come on that channel.

    One connection at a time; the event loop asks and looks at `upto`, all else happens in the network thread.
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        qos: int,
        wall: Callable[[], int] = wall_micros,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = tuple(f"{PREFIX}ingest/{channel}" for channel in channels)
        self._qos = qos
        self._asked: deque[int] = deque()
        self._nonce = b""
        self._wall, self._seconds = wall, seconds
        # By channel: the moments of marks that are back, and from when on each is believed.
        self._read: dict[str, tuple[tuple[int, float], ...]] = {}
        # Whether this broker lets us send marks, and gives them back.
        self.ever = False

    @property
    def upto(self) -> int | None:
        """In microseconds since the epoch; None before the first mark is back on every channel."""
        now, read = self._seconds(), self._read
        believed = [max((sent for sent, since in marks if since <= now), default=None) for marks in read.values()]
        known = [sent for sent in believed if sent is not None]
        return min(known) if len(known) == len(self._topics) else None

    def ask(self, now: int) -> None:
        """Have a mark sent; it bears `now`."""
        self._asked.append(now)

    def begin(self) -> None:
        """A new connection: what was read before it says nothing of what is queued now."""
        self._nonce, self._read = b"", {}
        self._asked.clear()

    def granted(self) -> None:
        """From now on what is sent to the channels comes to us."""
        self._nonce = secrets.token_bytes(_NONCE_BYTES)

    def outgoing(self) -> list[Outgoing]:
        """Return what is to be sent now: of several marks the latest says it all."""
        asked = 0
        while self._asked:
            asked = self._asked.popleft()
        if not asked or not self._nonce:
            return []
        return [Outgoing(topic, self._nonce + str(asked).encode(), self._qos) for topic in self._topics]

    def back(self, topic: str, payload: bytes) -> None:
        """Take note of what came under `PREFIX`; marks of an earlier connection say nothing."""
        if self._nonce and payload.startswith(self._nonce):
            # Another thread reads it: replaced, never changed.
            self._read = self._read | {topic: self._with(self._read.get(topic, ()), int(payload[_NONCE_BYTES:]))}
            self.ever = True

    def _with(self, marks: tuple[tuple[int, float], ...], sent: int) -> tuple[tuple[int, float], ...]:
        now = self._seconds()
        waiting = [mark for mark in marks if mark[1] > now]
        believed = max((mark for mark in marks if mark[1] <= now), default=None)
        since = now + BELIEVED_AFTER if self._wall() - sent > SLOW else waiting[-1][1] if waiting else now
        return (*([believed] if believed else []), *waiting, (sent, since))
