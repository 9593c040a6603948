"""What notices say, how often, and that one channel never holds up another."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from alerts.notices import wording
from alerts.notices.channels import BadChannel, Channel, Channels, open_channels
from alerts.notices.pacing import Pacing
from alerts.notices.wording import Call, Notice
from ingest.lookout.presses import CALLS
from runtime.stalls import Part

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NOTICE = Notice(title="t", body="b")


def call(n: int = 1, at: datetime = NOW) -> Call:
    return Call(site="h1", device=f"sos-{n}", type="sos.pressed", at=at)


def test_every_text_is_there_in_both_languages() -> None:
    """Whatever a notice may be about has its words."""
    texts = wording.texts()
    assert all(set(words) == {"zh", "en"} for section in texts.values() for words in section.values())
    assert set(texts["part"]) == set(get_args(Part))
    assert set(texts["what"]) == set(CALLS)


def test_says_what_where_and_when() -> None:
    """A notice of emergencies lists each by its codes, in both languages, and counts what is beyond the list."""
    notice = wording.heard([call(n) for n in range(23)])
    assert notice.urgent
    assert "尚未入库：23 条" in notice.title
    assert "not yet recorded: 23" in notice.title
    assert notice.body.count("h1/sos-7 ") == 2
    assert "一键呼叫" in notice.body
    assert "and 3 more" in notice.body


@pytest.mark.parametrize("part", get_args(Part))
def test_stalls_are_told_with_their_times(part: Part) -> None:
    """Begin, reminder and end name the part and since when."""
    later = NOW + timedelta(minutes=17)
    for notice in (
        wording.stalled(part, since=NOW),
        wording.still_stalled(part, since=NOW, now=later),
        wording.ended(part, since=NOW, now=later),
    ):
        assert wording.texts()["part"][part]["zh"] in notice.title
        assert f"{NOW.astimezone():%H:%M:%S}" in notice.body
    assert "17 minutes" in wording.ended(part, since=NOW, now=later).body


def test_refuses_a_naive_time() -> None:
    """A time without an offset is refused."""
    with pytest.raises(ValueError, match="offset"):
        call(at=datetime(2026, 11, 23))  # noqa: DTZ001 -- the wrong input
    with pytest.raises(ValueError, match="offset"):
        wording.stalled("api", since=datetime(2026, 11, 23))  # noqa: DTZ001 -- the same


def test_pacing() -> None:
    """Who goes on pressing is told once a minute; who is new is told at once."""
    pacing = Pacing()
    assert pacing.of([call(1)], NOW) is not None
    assert pacing.of([call(1)], NOW + timedelta(seconds=59)) is None
    second = pacing.of([call(1), call(2)], NOW + timedelta(seconds=59))
    assert second is not None
    assert "sos-1 " not in second.body
    assert pacing.of([call(1)], NOW + timedelta(seconds=60)) is not None


class Stuck:
    """A channel that does not come back."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def notify(self, *, title: str, body: str, notify_type: str) -> bool:  # noqa: ARG002 -- the protocol's
        self.entered.set()
        self.leave.wait(30)
        return True


class Moody:
    """A channel that takes a notice at the third try."""

    def __init__(self) -> None:
        self.tries: list[str] = []
        self.taken = threading.Event()

    def notify(self, *, title: str, body: str, notify_type: str) -> bool:  # noqa: ARG002 -- the protocol's
        self.tries.append(title)
        if len(self.tries) >= 3:
            self.taken.set()
        return self.taken.is_set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.leave.set()


def test_a_stuck_channel_holds_up_nobody(stuck: Stuck) -> None:
    """While one channel hangs, the other is tried until it takes the notice; a flood is bounded and blocks nobody."""
    moody = Moody()
    channels = Channels([Channel("stuck", stuck), Channel("moody", moody, retry=(0.001, 0.002))])
    channels.send(NOTICE)
    assert stuck.entered.wait(10)
    assert moody.taken.wait(10)
    assert moody.tries == ["t", "t", "t"]
    for _ in range(1_000):
        channels.send(NOTICE)
    channels.close()


@pytest.mark.parametrize("url", ["nonsense", "json://", "smoke-signals://host/secret-token"])
def test_an_address_that_is_none(url: str) -> None:
    """It is refused by its number; the address itself, which may hold a password, is not repeated."""
    with pytest.raises(BadChannel, match="number 2") as refused:
        open_channels(["json://127.0.0.1:9/x", url])
    assert "secret" not in str(refused.value)
