"""D-05 and B-03: what is counted, when it is enough and over, and what never counts; each also with restarts."""

import pytest

from tests.engine_parts import DOOR
from tests.log_parts import BED, HALL, PEOPLE, R1
from tests.timeline import Timeline, between

DEVICES = {d["id"]: d for d in PEOPLE["device"]}
NIGHT = 24
OFF = ("A-01", "B-01", "B-02", "D-01", "D-02", "D-03")


def counting(device: int, *clocks: str, overrides: dict[str, str | int] | None = None) -> Timeline:
    """A door that is opened and closed again, or a bed that is left and entered again, at these times of a night."""
    home = {**PEOPLE, "resident": [R1], "device": [DEVICES[device], DEVICES[HALL]]}
    line = Timeline(home)
    for rule in OFF:
        line.at("12:00").rules(rule, [{"scope": "*", "id": 0, "enabled": False}])
    if overrides:
        rule = "D-05" if device == DOOR else "B-03"
        line.at("12:00").rules(rule, [{"scope": "*", "id": 0, "set": overrides}])
    for clock in clocks:
        again(line, device, clock)
    return line


def again(line: Timeline, device: int, clock: str, told: str = "") -> None:
    first, then = ("door.opened", "door.closed") if device == DOOR else ("bed.left", "bed.entered")
    line.at(clock, NIGHT).push(device, first, told, NIGHT).push(device, then, told, NIGHT)


def raised_and_over(line: Timeline, first: str, over: str, occurrences: tuple[str, ...] = ()) -> None:
    line.want("raised P3", between(first, day=NIGHT))
    for clock in occurrences:
        line.want("occurrence P3", between(clock, day=NIGHT))
    line.want("cleared P3", between(over, day=NIGHT))
    line.want("closed P3", between(over, day=NIGHT))


def test_three_openings_within_an_hour_of_the_night() -> None:
    """P3 with the third, an occurrence with each further one, over after an hour without any."""
    line = counting(DOOR, "01:00", "01:20", "01:59", "02:10")
    raised_and_over(line, "01:59", "03:10", ("02:10",))
    line.check(until="04:00", day=NIGHT)


@pytest.mark.parametrize(
    "clocks",
    [("01:00", "01:20"), ("01:00", "01:30", "02:00"), ("22:30", "22:50", "23:10"), ("05:40", "05:50", "06:00")],
    ids=["two", "an hour from first to last", "one by day, two by night", "as the day begins"],
)
def test_what_is_not_enough(clocks: tuple[str, ...]) -> None:
    """Neither fewer, nor more slowly, nor partly by day."""
    counting(DOOR, *clocks).check(until="23:30", day=NIGHT)


def test_an_opening_that_is_told_again_is_none() -> None:
    """A hub that starts again repeats the state of its doors."""
    line = counting(DOOR, "01:00")
    line.at("01:10", NIGHT).push(DOOR, "door.opened")
    for clock in ("01:11", "01:12", "01:13"):
        line.at(clock, NIGHT).push(DOOR, "door.opened")
    line.check(until="03:00", day=NIGHT)


def test_the_order_in_which_they_are_told_does_not_matter() -> None:
    """One that comes late makes them enough, at the moment when they were."""
    line = counting(DOOR, "01:00", "01:40")
    again(line, DOOR, "01:50", told="01:20")
    line.want("raised P3", between("01:40", day=NIGHT), known="01:50", day=NIGHT)
    line.want("cleared P3", between("02:40", day=NIGHT))
    line.want("closed P3", between("02:40", day=NIGHT))
    line.check(until="04:00", day=NIGHT)


def test_after_the_quiet_it_is_counted_anew() -> None:
    """Two more are two."""
    line = counting(DOOR, "00:10", "00:20", "00:30", "01:40", "01:50", "02:00")
    raised_and_over(line, "00:30", "01:30")
    raised_and_over(line, "02:00", "03:00")
    line.check(until="05:00", day=NIGHT)


def test_closed_by_a_person_it_is_not_told_again_before_it_was_quiet() -> None:
    """Whoever closed it knows."""
    line = counting(DOOR, "00:10", "00:20", "00:30")
    line.at("00:31", NIGHT).close("D-05")
    again(line, DOOR, "00:40")
    line.want("raised P3", between("00:30", day=NIGHT))
    line.check(until="23:30", day=NIGHT)


def test_four_times_up_in_a_night() -> None:
    """P3 with the fourth, over after half an hour in bed; the next night is another."""
    line = counting(BED, "00:00", "02:00", "03:30", "04:50")
    raised_and_over(line, "04:50", "05:20")
    line.check(until="23:50", day=NIGHT)


def test_a_mat_that_chatters_is_one_alert() -> None:
    """However often it says so."""
    line = counting(BED, *(f"01:{minute:02}" for minute in range(0, 20, 2)))
    raised_and_over(line, "01:06", "01:48", tuple(f"01:{minute:02}" for minute in range(8, 20, 2)))
    line.check(until="05:00", day=NIGHT)


def test_overrides_hold() -> None:
    """Another number, another window, another quiet."""
    line = counting(DOOR, "01:00", "02:30", overrides={"times": 2, "within": "2h", "quiet": "10min", "severity": "P3"})
    raised_and_over(line, "02:30", "02:40")
    line.check(until="05:00", day=NIGHT)


def test_who_leaves_is_not_counted_any_more() -> None:
    """What was open is over."""
    line = counting(BED, "00:00", "01:00", "02:00", "02:10")
    line.at("02:20", NIGHT).registry({"upsert": {"resident": [{**R1, "presence": "hospital"}]}})
    raised_and_over(line, "02:10", "02:20")
    line.check(until="05:00", day=NIGHT)
