"""Caught up or not, and what was missed."""

import pytest

from ingest.standing import MARK_PATIENCE_SECONDS, SECOND, Stall, Standing

NOW = 1_795_000_000 * SECOND


class Stream:
    """What the network thread would tell."""

    def __init__(self) -> None:
        self.redelivered_at = float("-inf")
        self.marks_awaited: frozenset[str] = frozenset()


@pytest.fixture
def stream() -> Stream:
    return Stream()


def _granted(stream: Stream, at: float = 100.0, alive_at: int | None = None) -> Standing:
    standing = Standing(stream, ack_wait=2.0, alive_at=alive_at)
    standing.granted_now("events", at)
    standing.granted_now("heartbeats", at)
    return standing


def test_settles_a_second_after_ack_wait(stream: Stream) -> None:
    """What was in flight before the subscription comes again within ack_wait."""
    standing = _granted(stream)
    assert not standing.judge(NOW, 102.9)
    assert standing.judge(NOW, 103.0)


def test_nothing_may_wait(stream: Stream) -> None:
    """A moment at which messages waited is none to judge by."""
    assert not _granted(stream).judge(None, 200.0)


def test_redelivery_starts_the_settling_anew(stream: Stream) -> None:
    """Where one message comes again, others may follow."""
    standing = _granted(stream)
    stream.redelivered_at = 150.0
    assert not standing.judge(NOW, 152.0)
    assert standing.judge(NOW, 153.0)


def test_a_frozen_process_settles_anew(stream: Stream) -> None:
    """Who slept knows nothing of what waits in the socket, though the inbox is empty."""
    standing = _granted(stream)
    assert standing.judge(NOW, 200.0)
    assert standing.judge(NOW, 201.0)
    assert not standing.judge(NOW, 206.0)
    assert not standing.judge(NOW, 207.5)
    assert standing.judge(NOW, 209.0)


def test_marks_end_the_backlog(stream: Stream) -> None:
    """Behind the broker's queue stand our marks; a broker that loses them does not stop the clock for ever."""
    standing = _granted(stream)
    stream.marks_awaited = frozenset({"one"})
    assert not standing.judge(NOW, 100.0 + MARK_PATIENCE_SECONDS)
    assert standing.judge(NOW, 100.1 + MARK_PATIENCE_SECONDS)
    stream.marks_awaited = frozenset()
    assert standing.judge(NOW, 104.0)


@pytest.mark.parametrize("lost", ["events", "heartbeats"])
def test_both_sessions_are_needed(stream: Stream, lost: str) -> None:
    """Without heartbeats every silence would be ours."""
    standing = _granted(stream)
    standing.lost(lost)  # type: ignore[arg-type]  # one of the two, by the parameters above
    assert not standing.judge(NOW, 200.0)
    standing.granted_now(lost, 200.0)  # type: ignore[arg-type]  # as above
    assert not standing.judge(NOW, 202.0)
    assert standing.judge(NOW, 203.0)


def test_stall_from_the_last_moment_caught_up(stream: Stream) -> None:
    """A new database has missed nothing; a pause too short for any rule is none."""
    assert _granted(stream).stall_before(NOW) is None
    assert _granted(stream, alive_at=NOW - SECOND).stall_before(NOW) is None
    assert _granted(stream, alive_at=NOW - 9 * SECOND).stall_before(NOW) == Stall(NOW - 9 * SECOND, NOW)
