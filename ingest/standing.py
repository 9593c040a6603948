"""Whether ingest is caught up, and what it missed (design, guarantees 4 and 5)."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, get_args

SECOND = 1_000_000

SessionName = Literal["events", "heartbeats"]
SESSIONS: tuple[SessionName, ...] = get_args(SessionName)

# A pause in watching that no rule can notice is no stall worth an entry in the log. Where the connection stood all the
# time nothing can have been missed, heartbeats included; a long pause is told all the same.
STALL = SECOND
PAUSE = 5 * SECOND
# How often a mark is sent, so that there is news of how far the stream is read; how often until it is known at all; and
# how soon again when a rule waits for it (microseconds).
MARK_EVERY = SECOND
MARK_SEARCHING = SECOND // 4
MARK_AGAIN = SECOND // 20
# A loop that did not come round for so long may have been frozen whole, with a backlog unread in its socket.
FROZEN_SECONDS = 2.0
# The longest that messages of a resumed connection are held back, whatever the broker does.
RESUMING_SECONDS = 30.0
# A broker that does not let us publish our marks must not stop the clock of the rules for ever.
MARK_PATIENCE_SECONDS = 60.0


class Read(Protocol):
    """Until when (microseconds) the marks of a session say that all is read, and whether any ever came back."""

    @property
    def upto(self) -> int | None: ...

    @property
    def ever(self) -> bool: ...


class Deliveries(Protocol):
    """What the network thread tells of the stream of messages. Seconds of the monotonic clock.

    The last redelivery, the last message that this connection had not brought before, and the last that was both.
    """

    @property
    def redelivered_at(self) -> float: ...

    @property
    def arrived_at(self) -> float: ...

    @property
    def resent_at(self) -> float: ...


class Stall(NamedTuple):
    """Nobody watched between these moments, in microseconds since the epoch."""

    begin: int
    end: int


class Standing:
    """Caught up to `upto`: everything that was sent before then has been read, redeliveries included.

    `alive_at` is the last moment known to be so and written, None in a new database. Both are microseconds. `marks`:
    those of the durable session come first.
    """

    def __init__(self, deliveries: Deliveries, marks: Sequence[Read], *, ack_wait: float, alive_at: int | None) -> None:
        self._deliveries = deliveries
        self._marks = marks
        self._settling = ack_wait + 1.0
        self._granted_at: dict[SessionName, float] = {}
        self._is_resumed = False
        self.alive_at = alive_at
        self.upto: int | None = None
        self._asked_at = 0
        self._was_away = True
        self._judged_at: float | None = None
        self._awake_since = float("-inf")
        self._first_read_at: float | None = None

    @property
    def granted(self) -> bool:
        """Whether every filter of the durable session is subscribed."""
        return "events" in self._granted_at

    @property
    def caught_up(self) -> bool:
        return self.upto is not None

    def resumed(self, session: SessionName) -> None:
        self._is_resumed = self._is_resumed or session == "events"

    def is_resuming(self, seconds: float) -> bool:
        """Whether what an earlier connection left unacknowledged may still come, behind what is newer.

        Once it is over it stays so until the session is resumed again.
        """
        since_grant = seconds - self._granted_at.get("events", seconds)
        if since_grant >= self._settling and self._is_all_resent(seconds):
            self._is_resumed = False
        return self._is_resumed and since_grant < RESUMING_SECONDS

    def _is_all_resent(self, seconds: float) -> bool:
        """By a mark, or since nothing comes: so much is unacknowledged that a mark would come only after it."""
        if seconds - self._deliveries.resent_at < self._settling:
            return False
        is_read = self._marks[0].upto is not None
        return is_read or seconds - self._deliveries.arrived_at >= self._settling

    def granted_now(self, session: SessionName, seconds: float) -> None:
        self._granted_at[session] = seconds

    def lost(self, session: SessionName) -> None:
        self._granted_at.pop(session, None)
        self._is_resumed = self._is_resumed and session != "events"
        self._first_read_at = None
        self.upto = None
        self._was_away = True

    def asks(self, now: int, *, due: bool) -> bool:
        """Whether a mark is to be sent at `now` (microseconds): in turn, or since a rule waits for one."""
        waited = now - self._asked_at
        if waited < (MARK_EVERY if self.caught_up else MARK_SEARCHING) and not (
            due and waited >= MARK_AGAIN and (self.upto or 0) >= self._asked_at
        ):
            return False
        self._asked_at = now
        return True

    def read_upto(self, now: int, seconds: float) -> int | None:
        """Return until when all that was sent has reached us; `now` for a broker that gives no mark back."""
        read = [marks.upto for marks in self._marks]
        known = [upto for upto in read if upto is not None]
        if len(known) == len(read):
            return min([now, *known])
        mute = not any(marks.ever for marks in self._marks)
        return now if mute and self._since_grant(seconds) > MARK_PATIENCE_SECONDS else None

    def judge(self, read_upto: int | None, now: int, seconds: float) -> int | None:
        """Return until when ingest is caught up; `read_upto`: None where something waits, or nothing is known.

        What the broker once sent and we never acknowledged may come behind what is newer. It stands before a mark that
        was sent when it was due again, so no earlier mark is believed.
        """
        if self._judged_at is not None and seconds - self._judged_at > FROZEN_SECONDS:
            self._awake_since = seconds
        self._judged_at = seconds
        if read_upto is not None and self._first_read_at is None:
            self._first_read_at = seconds
        settled = now - (seconds - self._settled_at()) * SECOND
        self.upto = read_upto if read_upto is not None and read_upto >= settled else None
        return self.upto

    def _settled_at(self) -> float:
        """From when on (monotonic) what was in flight has come again."""
        if len(self._granted_at) < len(SESSIONS) or self._first_read_at is None:
            return float("inf")
        # A broker with much to do gives its first mark back late, and what is in flight later still.
        begun = max(*self._granted_at.values(), self._first_read_at)
        return max(begun, self._deliveries.redelivered_at, self._awake_since) + self._settling

    def _since_grant(self, seconds: float) -> float:
        if len(self._granted_at) < len(SESSIONS):
            return float("-inf")
        return seconds - max(self._granted_at.values())

    def stall_before(self, upto: int) -> Stall | None:
        """Return what was missed before `upto`, to which ingest is caught up."""
        least = STALL if self._was_away else PAUSE
        if self.alive_at is None or upto - self.alive_at <= least:
            return None
        return Stall(self.alive_at, upto)

    def watched(self, upto: int) -> None:
        """Take note that all up to `upto` is judged and written."""
        self.alive_at = upto
        # A connection lost meanwhile is another pause.
        self._was_away = self._was_away and not self.caught_up
