"""A recording, played by the command over real MQTT."""

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.stack import Stack, home
from tests.waiting import settled

pytestmark = pytest.mark.timeout(240)

START = datetime(2026, 3, 2, 21, tzinfo=UTC)


def nights(file: Path, site: str, count: int, apart: timedelta = timedelta(minutes=5)) -> Counter[str]:
    """Write bed exits and entries as the mat itself says them; what was written, by type."""
    kinds: Counter[str] = Counter()
    with file.open("w") as out:
        for n in range(1, count + 1):
            at = (START + n * apart).isoformat(timespec="milliseconds")
            kind = "bed.left" if n % 2 else "bed.entered"
            kinds[kind] += 1
            payload = {"type": kind, "at": at, "seq": n, "boot": "night"}
            line = {"at": at, "topic": f"shouwang/v1/{site}/mat-1/event", "payload": payload}
            out.write(json.dumps(line) + "\n")
    return kinds


def test_a_recording_is_stored_once_however_often_it_is_played(stack: Stack, tmp_path: Path) -> None:
    """336 events are there after seconds, once each, marked skewed by their age; the second time none is new."""
    stack.register(home("night"))
    file = tmp_path / "night.jsonl"
    kinds = nights(file, "night", 336)
    for turn in (1, 2):
        began = time.monotonic()
        said = stack.command("play", str(file), "--speed", "100000", "--data", str(stack.data), "--json")
        assert json.loads(said)["messages"] == 336, turn
        assert time.monotonic() - began < 60
        assert settled(lambda: len(stack.all("/events?site=night")), 336) == 336
    events = stack.all("/events?site=night")
    assert Counter(event["type"] for event in events) == kinds
    assert {tuple(event["flags"]) for event in events} == {("skewed",)}
    assert stack.quarantined("night") == []


def test_rebased_it_is_of_today(stack: Stack, tmp_path: Path) -> None:
    """With --rebase, at its own pace, a recording happens now: nothing is skewed or late."""
    stack.register(home("today"))
    file = tmp_path / "today.jsonl"
    nights(file, "today", 40, timedelta(milliseconds=50))
    stack.command("play", str(file), "--rebase", "--data", str(stack.data))
    assert settled(lambda: len(stack.all("/events?site=today")), 40, quiet=0) == 40
    assert not [event for event in stack.all("/events?site=today") if event["flags"]]


def test_a_recording_that_is_wrong(stack: Stack, tmp_path: Path) -> None:
    """A broken line is told with file and line, exit code 1 or 2, and nothing is published."""
    file = tmp_path / "broken.jsonl"
    file.write_text('{"at":"2026-03-02T21:00:00Z","topic":"shouwang/v1/x/y/event","payload":{}}\n{"at":1}\n')
    told = stack.command("play", str(file), "--data", str(stack.data), fails=1)
    assert f"{file}, line 2" in told.replace("\n", " ")
    assert stack.quarantined("x") == []
