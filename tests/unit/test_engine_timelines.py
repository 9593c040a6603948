"""Alerts on a fake clock; each timeline also with a restart before any one of its moments (design, sections 5, 6)."""

import pytest

from tests.engine_parts import CAMERA, DOOR, SECOND_DOOR
from tests.timeline import Between, Timeline, between


def open_since(clock: str) -> Timeline:
    line = Timeline()
    line.at(clock).push(DOOR, "door.opened")
    return line


def test_a_door_opened_before_the_night() -> None:
    """Ten minutes after it was opened by day's terms, and worse when the night's five have long passed."""
    line = open_since("22:40")
    line.want("raised P3", between("22:50"))
    line.want("severity P2", between("23:00"))
    line.check(until="23:30")


def test_a_door_opened_at_the_edge_of_the_night() -> None:
    """Five minutes are over within the night: P2 at once, never P3."""
    line = open_since("22:57")
    line.want("raised P2", between("23:02"))
    line.check(until="23:30")


def test_a_door_opened_at_the_end_of_the_night() -> None:
    """What was raised by the night's terms stays as bad by day."""
    line = open_since("05:54")
    line.want("raised P2", between("05:59"))
    line.check(until="07:00")


def test_a_door_opened_too_late_for_the_night() -> None:
    """The night ended before its five minutes: day's ten hold."""
    line = open_since("05:57")
    line.want("raised P3", between("06:07"))
    line.check(until="07:00")


def test_closed_while_active_it_is_muted_for_twelve_hours() -> None:
    """The same severity comes again half a day later, if the door is still open."""
    line = open_since("23:00")
    line.at("23:10").close("D-03")
    line.want("raised P2", between("23:05"))
    line.want("raised P2", between("11:10", day=24))
    line.check(until="12:00", day=24)


def test_a_higher_step_goes_through_a_mute() -> None:
    """A P3 that was closed while active is a new P2 when the night begins."""
    line = open_since("22:40")
    line.at("22:55").close("D-03")
    line.want("raised P3", between("22:50"))
    line.want("raised P2", between("23:00"))
    line.check(until="23:30")


def test_a_mute_ends_with_what_it_muted() -> None:
    """Shut and opened again, the door raises as if nothing had been."""
    line = open_since("23:00")
    line.at("23:10").close("D-03")
    line.at("23:20").push(DOOR, "door.closed")
    line.at("23:30").push(DOOR, "door.opened")
    line.want("raised P2", between("23:05"))
    line.want("raised P2", between("23:35"))
    line.check(until="23:50")


def test_a_stall_explains_a_silence() -> None:
    """Three heartbeats after the stall, not while it lasted."""
    line = Timeline()
    line.at("10:03").device(CAMERA, "suspect", since="10:00")
    line.asleep(between("10:04", "10:30"))
    line.at("10:30").stall(since="10:04")
    line.want("raised P3", between("10:33"))
    line.check(until="11:00")


def test_who_is_heard_after_a_stall_was_never_silent() -> None:
    """The grace is long enough for the next heartbeat."""
    line = Timeline()
    line.at("10:03").device(CAMERA, "suspect", since="10:00")
    line.asleep(between("10:04", "10:30"))
    line.at("10:30").stall(since="10:04")
    line.at("10:31").device(CAMERA, "heard")
    line.check(until="11:00")


def test_a_door_that_fell_due_while_nobody_watched() -> None:
    """Found when the clock is looked at again, with the moment at which it became true."""
    line = open_since("10:00")
    line.asleep(between("10:05", "12:00"))
    line.at("12:00").stall(since="10:05")
    line.want("raised P3", between("10:10"), known="12:00")
    line.check(until="12:30")


def test_a_backlog_is_judged_by_its_own_times() -> None:
    """Of two doors of an hour ago the one that was shut in time raises nothing, though its closing came last."""
    line = Timeline()
    backlog = line.at("12:00")
    backlog.push(DOOR, "door.opened", told="11:00").push(SECOND_DOOR, "door.opened", told="11:01")
    backlog.push(SECOND_DOOR, "door.opened", told="11:40").push(SECOND_DOOR, "door.closed", told="11:45")
    backlog.push(DOOR, "door.opened", told="11:58").push(DOOR, "door.closed", told="11:05")
    line.want("raised P3", between("11:11"), known="12:00")
    line.want("cleared P3", between("11:45"), known="12:00")
    line.want("closed P3", between("11:45"), known="12:00")
    line.want("raised P3", between("12:08"))
    line.check(until="12:30")


WRONG = [
    ("raised P2", between("22:50")),
    ("raised P3", between("22:51", "23:00")),
    ("cleared P3", between("22:50")),
]


@pytest.mark.parametrize("wanted", WRONG)
def test_a_timeline_can_fail(wanted: tuple[str, Between]) -> None:
    """Another severity, another time or another change than what comes is told."""
    line = open_since("22:40")
    line.want(*wanted)
    with pytest.raises(AssertionError):
        line.check(until="22:59")
