"""When a part counts as stalled, on a clock of the test's own."""

from datetime import UTC, datetime, timedelta

from runtime.stalls import FOLLOWS, PATIENCE, REMIND, Stalls

BEGIN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Timeline:
    """Seconds since the begin; every part that is not named as ill is well at each second."""

    def __init__(self) -> None:
        self.stalls = Stalls(BEGIN)
        self.told: list[tuple[int, str, str]] = []
        self._now = 0

    def until(self, second: int, *ill: str) -> "Timeline":
        for passed in range(self._now + 1, second + 1):
            now = BEGIN + timedelta(seconds=passed)
            for part in FOLLOWS:
                if part in ill and part in ("ingest", "engine"):
                    continue
                if part in ill:
                    self.stalls.failing(part)
                elif not set(FOLLOWS[part]) & set(ill):
                    self.stalls.well(part, now)
            self.told += [(passed, step.kind, step.part) for step in self.stalls.judge(now)]
        self._now = second
        return self


def test_all_well() -> None:
    """Nothing is told while all are well."""
    assert Timeline().until(100).told == []


def test_short_is_no_stall() -> None:
    """A part that is back within the patience was restarted, not stalled."""
    assert Timeline().until(10).until(25, "api").until(100).told == []


def test_told_once_and_once_at_its_end() -> None:
    """A stall is told when the patience is over and when the part is back, not in between."""
    assert Timeline().until(10).until(200, "broker").until(300).told == [
        (30, "stalled", "broker"),
        (201, "ended", "broker"),
    ]


def test_within_thirty_seconds() -> None:
    """The patience leaves ten of the promised thirty seconds for looking."""
    assert timedelta(seconds=20) == PATIENCE


def test_what_follows_is_not_told_besides() -> None:
    """With the database away, ingest and engine cannot be judged; when it is back they have their patience again."""
    timeline = Timeline().until(10).until(100, "database").until(118, "ingest", "engine")
    assert timeline.told == [(30, "stalled", "database"), (101, "ended", "database")]
    assert timeline.until(121, "ingest").told[2:] == [(120, "stalled", "ingest")]


def test_reminds() -> None:
    """A long stall is told again every so often."""
    end = round(REMIND.total_seconds()) * 2 + 40
    assert [kind for _, kind, _ in Timeline().until(end, "api").told] == ["stalled", "still", "still"]
