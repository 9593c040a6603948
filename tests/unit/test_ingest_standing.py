"""Caught up or not, and what was missed."""

from dataclasses import dataclass

import pytest

from ingest.standing import (
    MARK_AGAIN,
    MARK_EVERY,
    MARK_PATIENCE_SECONDS,
    MARK_SEARCHING,
    PAUSE,
    SECOND,
    Stall,
    Standing,
)

NOW = 1_795_000_000 * SECOND


@dataclass
class Stream:
    """What the network threads would tell."""

    redelivered_at: float = float("-inf")
    arrived_at: float = float("-inf")
    resent_at: float = float("-inf")
    upto: int | None = None
    ever: bool = True


@pytest.fixture
def stream() -> Stream:
    return Stream()


def _granted(stream: Stream, at: float = 100.0, alive_at: int | None = None) -> Standing:
    standing = Standing(stream, [stream, Stream(upto=NOW)], ack_wait=2.0, alive_at=alive_at)
    standing.granted_now("events", at)
    standing.granted_now("heartbeats", at)
    return standing


def _wall(seconds: float) -> int:
    return NOW + round(seconds * SECOND)


def _judge(standing: Standing, seconds: float, *, lag: float = 0.0) -> bool:
    """Whether it is caught up at this moment, by a mark that was sent `lag` seconds ago."""
    upto = _wall(seconds - lag)
    told = standing.judge(upto, _wall(seconds), seconds)
    assert told in {None, upto}
    return told is not None


def _settle(standing: Standing, start: float, end: float) -> list[bool]:
    """The same every second from start to end: who is not asked for longer than that counts as frozen."""
    return [_judge(standing, start + n) for n in range(round(end - start) + 1)]


def test_settles_a_second_after_ack_wait(stream: Stream) -> None:
    """What was in flight before the subscription comes again within ack_wait."""
    standing = _granted(stream)
    assert _settle(standing, 100.0, 103.0) == [False, False, False, True]


def test_settling_begins_with_the_first_mark_that_is_back(stream: Stream) -> None:
    """A broker that takes long over a backlog takes long over what is in flight as well."""
    standing = _granted(stream)
    assert standing.judge(None, _wall(160.0), 160.0) is None
    assert _settle(standing, 161.0, 164.0) == [False, False, False, True]


def test_a_mark_from_before_the_settling_is_not_believed(stream: Stream) -> None:
    """What was due to come again when it was sent may still stand behind it."""
    standing = _granted(stream)
    _settle(standing, 100.0, 103.0)
    assert not _judge(standing, 104.0, lag=1.1)
    assert _judge(standing, 104.0, lag=0.9)


def test_nothing_may_wait(stream: Stream) -> None:
    """A moment at which messages waited is none to judge by."""
    assert _granted(stream).judge(None, _wall(200.0), 200.0) is None


def test_redelivery_starts_the_settling_anew(stream: Stream) -> None:
    """Where one message comes again, others may follow."""
    standing = _granted(stream)
    assert _settle(standing, 100.0, 105.0)[-1]
    stream.redelivered_at = 105.5
    assert _settle(standing, 105.6, 108.6) == [False, False, False, True]


def test_a_frozen_process_settles_anew(stream: Stream) -> None:
    """Who slept knows nothing of what waits in the socket, though the inbox is empty."""
    standing = _granted(stream)
    assert _settle(standing, 200.0, 204.0)[-1]
    assert _settle(standing, 207.0, 210.0) == [False, False, False, True]


def test_all_is_read_up_to_the_oldest_mark(stream: Stream) -> None:
    """Behind the broker's queues stand our marks; where one session has none back, nothing is known."""
    standing = _granted(stream)
    assert standing.read_upto(NOW, 110.0) is None
    stream.upto = NOW - 7
    assert standing.read_upto(NOW, 110.0) == NOW - 7


@pytest.mark.parametrize(("ever", "read"), [(False, NOW), (True, None)])
def test_a_broker_without_marks_does_not_stop_the_clock_for_ever(*, ever: bool, read: int | None) -> None:
    """One that never gave any back is believed after a minute; one that does has a long queue."""
    stream, other = Stream(ever=False), Stream(ever=ever)
    standing = Standing(stream, [stream, other], ack_wait=2.0, alive_at=None)
    assert standing.read_upto(NOW, 1e9) is None
    standing.granted_now("events", 90.0)
    standing.granted_now("heartbeats", 100.0)
    assert standing.read_upto(NOW, 100.0 + MARK_PATIENCE_SECONDS) is None
    assert standing.read_upto(NOW, 100.1 + MARK_PATIENCE_SECONDS) == read


def test_marks_are_sent_in_turn_and_at_once_for_a_rule_that_waits(stream: Stream) -> None:
    """But not again before the last is back, nor in a storm; more often while it is not known how far all is read."""
    standing = _granted(stream)
    assert standing.asks(NOW, due=False)
    assert not standing.asks(NOW + MARK_SEARCHING - 1, due=False)
    assert not standing.asks(NOW + MARK_SEARCHING - 1, due=True)
    assert _settle(standing, 197.0, 200.0)[-1]
    assert not standing.asks(NOW + MARK_AGAIN - 1, due=True)
    assert standing.asks(NOW + MARK_AGAIN, due=True)
    assert not standing.asks(NOW + MARK_EVERY, due=False)
    assert standing.asks(NOW + MARK_AGAIN + MARK_EVERY, due=False)


@pytest.mark.parametrize("lost", ["events", "heartbeats"])
def test_both_sessions_are_needed(stream: Stream, lost: str) -> None:
    """Without heartbeats every silence would be ours."""
    standing = _granted(stream)
    standing.lost(lost)  # type: ignore[arg-type]  # one of the two, by the parameters above
    assert not any(_settle(standing, 200.0, 205.0))
    standing.granted_now(lost, 205.0)  # type: ignore[arg-type]  # as above
    assert _settle(standing, 205.0, 208.0) == [False, False, False, True]


def test_stall_from_the_last_moment_caught_up(stream: Stream) -> None:
    """A new database has missed nothing; a pause too short for any rule is none."""
    assert _granted(stream).stall_before(NOW) is None
    assert _granted(stream, alive_at=NOW - SECOND).stall_before(NOW) is None
    assert _granted(stream, alive_at=NOW - 2 * SECOND).stall_before(NOW) == Stall(NOW - 2 * SECOND, NOW)


def test_while_the_connection_stands_only_a_long_pause_is_a_stall(stream: Stream) -> None:
    """Marks take their time, and nothing was missed; a connection that was lost meanwhile is another thing."""
    standing = _granted(stream)
    assert _settle(standing, 197.0, 200.0)[-1]
    standing.watched(NOW)
    assert standing.stall_before(NOW + PAUSE) is None
    assert standing.stall_before(NOW + PAUSE + 1) == Stall(NOW, NOW + PAUSE + 1)
    standing.lost("events")
    standing.watched(NOW)
    assert standing.stall_before(NOW + 2 * SECOND) == Stall(NOW, NOW + 2 * SECOND)


def _resumed(stream: Stream, at: float) -> Standing:
    standing = Standing(stream, [stream], ack_wait=2.0, alive_at=None)
    standing.resumed("events")
    standing.granted_now("events", at)
    return standing


def test_what_comes_is_mixed_for_as_long_as_an_earlier_connection_may_have_left_something() -> None:
    """From the connection to a session that was kept, until what it left has come again; never while there is none."""
    stream = Stream(upto=NOW)
    standing = Standing(stream, [stream], ack_wait=2.0, alive_at=None)
    assert not standing.is_resuming(100.0)
    standing.resumed("heartbeats")
    assert not standing.is_resuming(100.0)
    standing.resumed("events")
    assert standing.is_resuming(100.0)
    standing.granted_now("events", 110.0)
    assert [standing.is_resuming(seconds) for seconds in (112.9, 113.0)] == [True, False]
    standing.resumed("events")
    standing.lost("heartbeats")
    standing.granted_now("events", 120.0)
    assert standing.is_resuming(121.0)
    standing.lost("events")
    assert not standing.is_resuming(121.0)


def test_a_slow_broker_has_not_sent_all_again_before_a_mark_is_back(stream: Stream) -> None:
    """What it owes may begin to come late: held back until a mark is behind it, and until no more came for a while."""
    standing = _resumed(stream, 110.0)
    stream.arrived_at = 112.5
    assert standing.is_resuming(115.0)
    stream.upto = NOW
    stream.resent_at = stream.arrived_at = 114.0
    assert [standing.is_resuming(seconds) for seconds in (116.9, 117.0)] == [True, False]
    stream.resent_at = 117.5
    assert not standing.is_resuming(117.6), "once over it is over"


def test_no_mark_comes_while_too_much_is_unacknowledged(stream: Stream) -> None:
    """Then nothing comes at all: all that was owed is here. A broker that never rests is not waited for for ever."""
    standing = _resumed(stream, 110.0)
    stream.arrived_at = 115.0
    assert [standing.is_resuming(seconds) for seconds in (117.9, 118.0)] == [True, False]
    standing = _resumed(stream, 110.0)
    stream.arrived_at = stream.resent_at = 139.0
    assert [standing.is_resuming(seconds) for seconds in (139.9, 140.0)] == [True, False]
