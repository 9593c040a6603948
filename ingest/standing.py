"""Whether ingest is caught up, and what it missed (design, guarantees 4 and 5)."""

from typing import Literal, NamedTuple, Protocol, get_args

SECOND = 1_000_000

SessionName = Literal["events", "heartbeats"]
SESSIONS: tuple[SessionName, ...] = get_args(SessionName)

# A pause in watching that no rule can notice is no stall worth an entry in the log.
STALL = SECOND
# A loop that did not come round for so long may have been frozen whole, with a backlog unread in its socket.
FROZEN_SECONDS = 2.0
# A broker that does not let us publish our marks, or lost them, must not stop the clock of the rules for ever.
MARK_PATIENCE_SECONDS = 60.0


class Deliveries(Protocol):
    """What the network thread tells of the stream of messages. Seconds of the monotonic clock."""

    redelivered_at: float
    marks_awaited: frozenset[str]


class Stall(NamedTuple):
    """Nobody watched between these moments, in microseconds since the epoch."""

    begin: int
    end: int


class Standing:
    """Caught up: everything that was sent before this moment has been read, redeliveries included.

    `alive_at` is the last moment known to be so, in microseconds since the epoch; None in a new database.
    """

    def __init__(self, deliveries: Deliveries, *, ack_wait: float, alive_at: int | None) -> None:
        self._deliveries = deliveries
        self._settling = ack_wait + 1.0
        self._granted_at: dict[SessionName, float] = {}
        self.alive_at = alive_at
        self.caught_up = False
        self._judged_at: float | None = None
        self._awake_since = float("-inf")

    @property
    def granted(self) -> bool:
        """Whether every filter of the durable session is subscribed."""
        return "events" in self._granted_at

    def granted_now(self, session: SessionName, seconds: float) -> None:
        self._granted_at[session] = seconds

    def lost(self, session: SessionName) -> None:
        self._granted_at.pop(session, None)
        self.caught_up = False

    def judge(self, drained_at: int | None, seconds: float) -> bool:
        """Return whether ingest is caught up at `drained_at`, when nothing waited; None: something did."""
        if self._judged_at is not None and seconds - self._judged_at > FROZEN_SECONDS:
            self._awake_since = seconds
        self._judged_at = seconds
        self.caught_up = drained_at is not None and self._is_settled(seconds)
        return self.caught_up

    def _is_settled(self, seconds: float) -> bool:
        # Without heartbeats a silence would be ours, not the devices'.
        if len(self._granted_at) < len(SESSIONS):
            return False
        since_grant = seconds - max(self._granted_at.values())
        quiet = min(since_grant, seconds - self._deliveries.redelivered_at, seconds - self._awake_since)
        marked = not self._deliveries.marks_awaited or since_grant > MARK_PATIENCE_SECONDS
        return quiet >= self._settling and marked

    def stall_before(self, now: int) -> Stall | None:
        """Return what was missed before `now`, at which ingest is caught up."""
        if self.alive_at is None or now - self.alive_at <= STALL:
            return None
        return Stall(self.alive_at, now)
