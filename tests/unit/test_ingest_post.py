"""When a holder counts as still, and how it is told what to do about a database that refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.keeping import AT_MOST_SECONDS, KEEP_POSITIONS, KEEP_SECONDS, Keeping
from ingest.link import Link
from ingest.post import GAP_SECONDS, STILL_SECONDS, Stillness
from ingest.remedies import remedy
from store.errors import StoreError, StoreUnavailable
from tests.ingest_parts import RecordingEngine

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def watched(stillness: Stillness, sign: int, first: float, last: float) -> float:
    """Look twice a second; the seconds known at the end."""
    known, now = 0.0, first
    while now <= last:
        known = stillness.seen(sign, at(now))
        now += 0.5
    return known


def test_a_sign_that_does_not_change_is_still() -> None:
    """As long as it was watched."""
    assert watched(Stillness(), 1, 0, STILL_SECONDS) == STILL_SECONDS


def test_each_change_begins_anew() -> None:
    """A holder that commits every two seconds is never still."""
    stillness = Stillness()
    for n in range(10):
        assert watched(stillness, n, 2.0 * n, 2.0 * n + 1.5) == 1.5


def test_what_was_not_watched_does_not_count() -> None:
    """An outage, or a pause of our own: the holder gets the whole time again."""
    stillness = Stillness()
    assert watched(stillness, 1, 0, 9) == 9
    after = 9 + GAP_SECONDS + 0.1
    assert stillness.seen(1, at(after)) == 0
    assert watched(stillness, 1, after + 0.5, after + STILL_SECONDS - 0.5) == STILL_SECONDS - 0.5


def test_a_clock_that_was_set_back_begins_anew() -> None:
    """Nobody is taken for still by a clock's jump."""
    stillness = Stillness()
    assert watched(stillness, 1, 0, 9) == 9
    assert stillness.seen(1, at(3)) == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreError("x", sqlstate="25006"), "read-only"),
        (StoreError("x", sqlstate="42501"), "right"),
        (StoreUnavailable("x", sqlstate="53100"), "full"),
        (StoreUnavailable("x"), "away"),
        (StoreError("x", sqlstate="XX000"), "own log"),
    ],
)
async def test_a_refusal_is_told_with_its_remedy(
    error: StoreError, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, and for the part's row until the database takes it."""
    caplog.set_level("INFO")
    assert words in remedy(error)
    link = Link("")
    await link.failed(error, 0)
    assert not link.ok
    assert link.trouble == remedy(error) == caplog.records[-1].remedy  # type: ignore[attr-defined]  # an extra
    link.worked()
    assert link.ok


class Counting(RecordingEngine):
    """Counts how often its state was copied."""

    copies = 0

    def snapshot(self) -> None:
        self.copies += 1


def test_when_a_checkpoint_is_due() -> None:
    """After its time where the log has grown, sooner where it has grown much, and never in close succession."""
    engine, now = Counting(), [0.0]
    keeping = Keeping(engine, clock=lambda: now[0])

    def later(seconds: float, position: int) -> int:
        now[0] += seconds
        engine.position = position
        keeping.in_passing()
        return engine.copies

    assert later(KEEP_SECONDS, 0) == 0
    assert later(0, 1) == 1
    assert later(KEEP_SECONDS - 1, 2) == 1
    assert later(1, 2) == 2
    assert later(AT_MOST_SECONDS - 1, 2 + KEEP_POSITIONS) == 2
    assert later(1, 2 + KEEP_POSITIONS) == 3


async def test_what_a_start_had_to_read_counts_as_grown() -> None:
    """After a long start the state is kept soon; at a clean stop whatever is new is kept."""
    engine, now = Counting(), [0.0]
    engine.position = engine.unkept = KEEP_POSITIONS
    keeping = Keeping(engine, clock=lambda: now[0])
    now[0] = AT_MOST_SECONDS
    keeping.in_passing()
    assert engine.copies == 1
    await keeping.at_the_end(1)
    assert engine.copies == 1
    engine.position += 1
    await keeping.at_the_end(1)
    assert engine.copies == 2
