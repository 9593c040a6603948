"""Recordings of scenarios: reproducible to the byte, complete, with what was planted beside them."""

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from simulators.record import Recorded, record
from simulators.recording import read_recording
from simulators.scenario_file import load
from simulators.shape import shaped

PARTS = ("", ".registry.toml", ".rules.toml", ".incidents.jsonl")


def made(path: Path, scenario: str, seed: int) -> Recorded:
    return record(shaped(load(scenario), mode="record", seed=seed), path, seed=seed)


@pytest.mark.parametrize("scenario", ["every-fault", "sos-storm"])
def test_same_seed_same_bytes(tmp_path: Path, scenario: str) -> None:
    """The recording and all beside it; another seed gives another recording."""
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        made(tmp_path / name, scenario, seed)
    for part in PARTS:
        assert (tmp_path / f"a{part}").read_bytes() == (tmp_path / f"b{part}").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_recording_is_one(tmp_path: Path) -> None:
    """It reads back, in order; events and beats are in it; the count is right."""
    result = made(tmp_path / "r", "institution-day", 1)
    lines = list(read_recording(tmp_path / "r"))
    channels = Counter(line.topic.rpartition("/")[2] for line in lines)
    assert (len(lines), channels["event"] + channels["batch"]) == (result.lines, result.events)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert channels["heartbeat"] > 7000  # five devices, a beat a minute, a day
    assert channels["status"] == 7  # five sessions begin; one camera goes and comes back


def test_incidents_stand_beside_it(tmp_path: Path) -> None:
    """Each planted incident with its time, and with the alert that it should raise."""
    result = made(tmp_path / "r", "institution-day", 1)
    planted = [json.loads(line) for line in (tmp_path / "r.incidents.jsonl").read_text().splitlines()]
    assert [one["kind"] for one in planted] == ["press", "outage", "press", "left_open"]
    assert len(planted) == result.planted
    press = planted[0]
    assert press["at"] == "2026-11-23T03:00:00.000+08:00"
    assert press["alerts"][0]["subject"] == {"kind": "resident", "code": "sim-care-1-r3"}
    pressed = [line for line in read_recording(tmp_path / "r") if b"sos.pressed" in line.payload]
    assert pressed[0].at == datetime.fromisoformat(press["at"])


def test_the_days_of_a_quiet_home_are_believable(tmp_path: Path) -> None:
    """Every day somebody is about; doors are closed within seconds, nobody moves while nobody is at home."""
    made(tmp_path / "r", "quiet-home-week", 1)
    events = [
        (line.at, item["device"], item["type"])
        for line in read_recording(tmp_path / "r")
        if line.topic.endswith("/batch")
        for item in json.loads(line.payload)
    ]
    assert all(sum(at.day == day and "motion" in kind for at, _, kind in events) > 30 for day in range(23, 30))
    doors = [(at, kind) for at, device, kind in events if device == "mag-1" and kind != "battery.ok"]
    for (opened, first), (closed, second) in zip(doors[::2], doors[1::2], strict=True):
        assert (first, second) == ("door.opened", "door.closed")
        assert closed - opened < timedelta(seconds=30)
    by_night = sum(at.hour < 4 for at, _, kind in events if kind == "motion.detected")
    assert by_night < sum(10 <= at.hour < 14 for at, _, kind in events if kind == "motion.detected") / 3


def test_nothing_that_runs_on_battery_is_silent_for_a_day(tmp_path: Path) -> None:
    """Whoever stays at home for days leaves the door alone; its sensor reports all the same."""
    made(tmp_path / "r", "quiet-home-week", 1)
    said: dict[str, list[datetime]] = {}
    for line in read_recording(tmp_path / "r"):
        for item in json.loads(line.payload) if line.topic.endswith("/batch") else ():
            said.setdefault(item["device"], []).append(line.at)
    assert len(said) >= 9
    assert all(later - at < timedelta(days=1) for ats in said.values() for at, later in pairwise(ats))
