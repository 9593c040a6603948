"""D-01, D-02, B-01 and B-02: what begins them, what should follow, what changes nothing; each also with restarts."""

from typing import Any

import pytest

from alerts.findings import NEVER
from devices.columns import FLAG_RETAINED, FLAG_STATELESS
from tests.engine_parts import DOOR, MINUTE, SECOND_DOOR, Line, at, rules_entry, started
from tests.log_parts import BED, GATE, HALL, MATTRESS, MOTION, PEOPLE, R1, R3
from tests.timeline import Timeline, between

DEVICES = {d["id"]: d for d in PEOPLE["device"]}
DEMENTIA = {**R1, "flags": ["dementia"]}


def home(*devices: int, residents: tuple[dict[str, Any], ...] = (R1,)) -> dict[str, Any]:
    """A home with these devices alone: no other rule has anything to tell of them within the hours that are tested."""
    return {**PEOPLE, "resident": list(residents), "device": [DEVICES[n] for n in devices]}


def quiet(line: Timeline, *others: str) -> Timeline:
    """Rules of the same sensors that are not meant here are switched off."""
    for rule in ("A-01", "D-03", *others):
        line.at("00:00").rules(rule, [{"scope": "*", "id": 0, "enabled": False}])
    return line


# ---------------------------------------------------------------- D-01
def at_night(resident: dict[str, Any] = R1, clock: str = "01:00") -> Timeline:
    line = quiet(Timeline(home(DOOR, SECOND_DOOR, HALL, residents=(resident,))), "D-02")
    line.at(clock, 24).push(DOOR, "door.opened")
    return line


def test_an_entrance_that_opens_at_night_is_a_p2_until_somebody_moves_inside() -> None:
    """At once; motion ends the condition, a person the alert."""
    line = at_night()
    line.at("01:01", 24).push(DOOR, "door.closed")
    line.at("01:20", 24).push(HALL, "motion.detected")
    line.want("raised P2", between("01:00", day=24))
    line.want("cleared P2", between("01:20", day=24))
    line.check(until="07:00", day=24)


def test_of_a_resident_with_dementia_it_is_a_p1() -> None:
    """Who lives there decides."""
    line = at_night(DEMENTIA)
    line.want("raised P1", between("01:00", day=24))
    line.check(until="02:00", day=24)


@pytest.mark.parametrize("clock", ["06:00", "12:00", "22:59"])
def test_by_day_a_door_is_a_door(clock: str) -> None:
    """Also one that is still open when the night begins; it is for D-03."""
    at_night(clock=clock).check(until="23:30", day=24)


def test_every_opening_is_an_occurrence() -> None:
    """Also without any motion between them; what is told again while the door is open is none."""
    line = at_night()
    line.at("01:05", 24).push(DOOR, "door.closed")
    line.at("01:10", 24).push(DOOR, "door.opened")
    line.at("01:15", 24).push(DOOR, "door.opened")
    line.want("raised P2", between("01:00", day=24))
    line.want("cleared P2", between("01:10", day=24))
    line.want("occurrence P2", between("01:10", day=24))
    line.check(until="07:00", day=24)


def test_a_hub_that_starts_again_opens_no_door() -> None:
    """It repeats at night that the door, open since the evening, is open."""
    line = at_night(clock="22:00")
    line.at("02:00", 25).push(DOOR, "door.opened")
    line.check(until="07:00", day=25)


def test_closed_by_a_person_the_next_opening_is_a_new_alert() -> None:
    """Where no motion was sensed in between too, the same night and the next."""
    line = at_night()
    line.at("01:02", 24).push(DOOR, "door.closed")
    line.at("01:05", 24).close("D-01")
    line.at("01:30", 24).push(DOOR, "door.opened")
    line.at("01:31", 24).push(DOOR, "door.closed")
    line.at("01:35", 24).close("D-01")
    line.at("00:30", 25).push(DOOR, "door.opened")
    for clock, day in (("01:00", 24), ("01:30", 24), ("00:30", 25)):
        line.want("raised P2", between(clock, day=day))
    line.check(until="01:00", day=25)


def test_told_hours_later_it_has_its_own_time() -> None:
    """A gateway that was cut off: the alert says when the door opened, and that somebody moved in time ends it."""
    line = quiet(Timeline(home(DOOR, HALL)), "D-02")
    line.at("03:00", 24).push(DOOR, "door.opened", told="01:00", told_day=24)
    line.at("03:05", 24).push(HALL, "motion.detected", told="01:01", told_day=24)
    line.want("raised P2", between("01:00", day=24), known="03:00", day=24)
    line.want("cleared P2", between("01:01", day=24), known="03:05", day=24)
    line.check(until="04:00", day=24)


@pytest.mark.parametrize(
    ("device", "changed"),
    [
        (SECOND_DOOR, {}),
        (DOOR, {"resident": [{**R1, "presence": "away"}]}),
        (DOOR, {"site": [{**PEOPLE["site"][0], "kind": "institution"}, PEOPLE["site"][1]]}),
    ],
    ids=["no entrance", "nobody is at home", "an institution"],
)
def test_which_doors_are_meant(device: int, changed: dict[str, Any]) -> None:
    """Entrances of homes where somebody is."""
    line = started({**home(DOOR, SECOND_DOOR, HALL), **changed})
    line.push(device, "door.opened", at("01:00"))
    line.tick(at("01:00"))
    assert [rule for rule, _ in about(line) if rule == "D-01"] == []


# ---------------------------------------------------------------- D-02
def went_out(clock: str, resident: dict[str, Any] = R1) -> Timeline:
    line = quiet(Timeline(home(DOOR, MOTION, HALL, residents=(resident,))))
    line.at(clock).push(DOOR, "door.opened").push(DOOR, "door.closed")
    return line


def test_who_is_not_back_by_ten_is_told_of() -> None:
    """Out since the morning: P2 at 22:00; the first motion inside ends the condition, a person the alert."""
    line = went_out("09:00")
    line.at("23:10").push(HALL, "motion.detected")
    line.want("raised P2", between("22:00"))
    line.want("cleared P2", between("23:10"))
    line.check(until="23:30")


@pytest.mark.parametrize("back", ["09:09", "21:59"])
def test_who_moves_inside_is_not_out(back: str) -> None:
    """Within ten minutes it was no exit; before 22:00 somebody is back."""
    line = went_out("09:00")
    line.at(back).push(HALL, "motion.detected")
    line.check(until="23:30")


def test_who_leaves_in_the_evening_has_ten_minutes() -> None:
    """After 22:00 an exit is an exit once ten minutes without motion are over."""
    line = went_out("22:30")
    line.want("raised P2", between("22:40"))
    line.check(until="23:00")


def test_with_dementia_half_an_hour_is_enough() -> None:
    """At any hour a P1."""
    line = went_out("09:00", DEMENTIA)
    line.at("10:05").push(HALL, "motion.detected")
    line.want("raised P1", between("09:30"))
    line.want("cleared P1", between("10:05"))
    line.check(until="11:00")


def test_opened_again_it_is_the_same_exit() -> None:
    """Whoever looks in and leaves again has not moved inside: the count goes on from the first opening."""
    line = went_out("22:30")
    line.at("22:35").push(DOOR, "door.opened")
    line.want("raised P2", between("22:40"))
    line.check(until="23:30")


def test_a_late_word_of_motion_takes_the_exit_back() -> None:
    """A sensor that kept its word while it was cut off: what came in time is in time, whenever it is told."""
    line = went_out("22:30")
    line.at("22:38").push(HALL, "motion.detected", told="22:33")
    line.check(until="23:30")


def test_a_motion_before_the_opening_ends_nothing() -> None:
    """It comes late, and tells of the time before."""
    line = went_out("22:30")
    line.at("22:32").push(HALL, "motion.detected", told="22:29")
    line.want("raised P2", between("22:40"))
    line.check(until="23:30")


# ---------------------------------------------------------------- B-01
def up(clock: str, day: int = 24, devices: tuple[int, ...] = (BED,)) -> Timeline:
    line = quiet(Timeline(home(*devices)))
    line.at("22:00").push(BED, "bed.entered")
    line.at(clock, day).push(BED, "bed.left")
    return line


def test_half_an_hour_out_of_bed_at_night() -> None:
    """P2 after 30 minutes; back in bed the condition is over, and a person closes it."""
    line = up("02:00")
    line.at("02:45", 24).push(BED, "bed.entered")
    line.want("raised P2", between("02:30", day=24))
    line.want("cleared P2", between("02:45", day=24))
    line.check(until="08:00", day=24)


def test_who_is_back_within_half_an_hour_is_left_alone() -> None:
    """As every old person is, every night."""
    line = up("02:00")
    line.at("02:29", 24).push(BED, "bed.entered")
    line.check(until="08:00", day=24)


@pytest.mark.parametrize(("clock", "day"), [("04:31", 24), ("07:00", 24), ("22:59", 23)])
def test_what_does_not_lie_in_the_night_is_nothing(clock: str, day: int) -> None:
    """Up at dawn is up for the day, and who sits up before eleven has not gone to bed: not that night, nor the next."""
    up(clock, day).check(until="23:45", day=24)


def test_who_sat_up_in_the_evening_and_rises_at_night() -> None:
    """What began outside the night is no beginning: a lost word of going to bed hides nothing."""
    line = up("22:40", 23)
    line.at("02:00", 24).push(BED, "bed.left")
    line.want("raised P2", between("02:30", day=24))
    line.check(until="08:00", day=24)


def test_who_moves_about_does_not_lie_on_the_floor() -> None:
    """Motion puts it off; from the last one on it is half an hour again, and what was raised is over with the next."""
    line = up("02:00", devices=(BED, HALL))
    line.at("02:20", 24).push(HALL, "motion.detected")
    line.at("03:00", 24).push(HALL, "motion.detected")
    line.at("03:20", 24).push(HALL, "motion.detected")
    line.at("04:10", 24).push(BED, "bed.entered")
    line.want("raised P2", between("02:50", day=24))
    line.want("cleared P2", between("03:00", day=24))
    line.want("occurrence P2", between("03:50", day=24))
    line.want("cleared P2", between("04:10", day=24))
    line.check(until="05:30", day=24)


def test_motion_that_comes_late_puts_it_off_from_its_own_time() -> None:
    """One of before the exit puts off nothing."""
    line = up("02:00", devices=(BED, HALL))
    line.at("02:10", 24).push(HALL, "motion.detected", told="01:50", told_day=24)
    line.at("02:25", 24).push(HALL, "motion.detected", told="02:05", told_day=24)
    line.want("raised P2", between("02:35", day=24))
    line.check(until="03:00", day=24)


def test_motion_after_the_night_ends_it() -> None:
    """Somebody is up."""
    line = up("04:00", devices=(BED, HALL))
    line.at("05:10", 24).push(HALL, "motion.detected")
    line.want("raised P2", between("04:30", day=24))
    line.want("cleared P2", between("05:10", day=24))
    line.check(until="06:30", day=24)


def test_who_goes_out_is_not_out_of_bed_any_more() -> None:
    """D-01 tells of the door, and B-01 tells nothing."""
    line = up("04:10", devices=(BED, DOOR))
    line.at("04:30", 24).push(DOOR, "door.opened")
    line.want("raised P2", between("04:30", day=24))
    line.check(until="06:30", day=24)


def test_a_corridor_puts_nothing_off() -> None:
    """In an institution motion tells of nobody in particular."""
    registry = {**home(BED, HALL), "site": [{**PEOPLE["site"][0], "kind": "institution"}, PEOPLE["site"][1]]}
    line = started(registry)
    line.push(BED, "bed.left", at("02:00"))
    line.push(HALL, "motion.detected", at("02:20"))
    line.tick(at("02:30"))
    assert [(f.change, f.at) for f in line.findings] == [("raised", at("02:30").timestamp() * 1e6)]


def test_closed_at_night_it_does_not_come_again_by_day() -> None:
    """Half a day later it would be an alarm about somebody who is up; the next night is a new one."""
    line = up("02:00")
    line.at("02:40", 24).close("B-01")
    line.at("22:00", 24).push(BED, "bed.entered")
    line.at("01:00", 25).push(BED, "bed.left")
    line.want("raised P2", between("02:30", day=24))
    line.want("raised P2", between("01:30", day=25))
    line.check(until="02:00", day=25)


# ---------------------------------------------------------------- B-02
def in_the_bathroom(clock: str) -> Timeline:
    line = quiet(Timeline(home(DOOR, MOTION, HALL, BED)))
    line.at(clock).push(MOTION, "motion.detected")
    return line


def test_a_long_stay_in_the_bathroom_climbs() -> None:
    """P3 after half an hour, P2 after an hour, also of who moves there; motion elsewhere ends it."""
    line = in_the_bathroom("10:00")
    line.at("10:10").push(MOTION, "motion.detected")
    line.at("11:05").push(HALL, "motion.detected")
    line.want("raised P3", between("10:30"))
    line.want("severity P2", between("11:00"))
    line.want("cleared P2", between("11:05"))
    line.check(until="12:30")


@pytest.mark.parametrize(
    ("device", "what"), [(HALL, "motion.detected"), (DOOR, "door.opened"), (BED, "bed.entered"), (BED, "bed.left")]
)
def test_who_is_elsewhere_has_left_the_bathroom(device: int, what: str) -> None:
    """Whatever tells of somebody outside it."""
    line = in_the_bathroom("10:00")
    line.at("10:29").push(device, what)
    line.check(until="11:30")


def test_a_p3_ends_with_the_stay() -> None:
    """It closes itself."""
    line = in_the_bathroom("10:00")
    line.at("10:40").push(BED, "bed.entered")
    line.want("raised P3", between("10:30"))
    line.want("cleared P3", between("10:40"))
    line.want("closed P3", between("10:40"))
    line.check(until="12:00")


# ---------------------------------------------------------------- who is watched
def stayed(registry: dict[str, Any], device: int = MOTION, what: str = "motion.detected", **more: Any) -> Line:
    """Something happened at ten, and the clock goes on to noon."""
    line = started(registry)
    line.enter("rules", at("00:01", 1), rules_entry("A-01", 2, [{"scope": "*", "id": 0, "enabled": False}]))
    line.push(device, what, at("10:00"), **more)
    line.tick(at("12:00"))
    return line


def about(line: Line) -> list[tuple[str, int]]:
    return [(f.origin.rule, f.origin.subject) for f in line.findings if f.origin is not None]


def test_it_is_told_of_all_whom_the_sensor_may_mean() -> None:
    """Of both who live there; a wristband's or a bed's own owner alone is tested with A-01."""
    assert about(stayed(home(MOTION, HALL, residents=(R1, R3)))) == [("B-02", 1), ("B-02", 3)]


@pytest.mark.parametrize(
    "registry",
    [
        home(MOTION),
        home(MOTION, BED, DOOR),
        home(MOTION, HALL, residents=({**R1, "presence": "away"},)),
        home(MOTION, HALL, residents=({**R1, "presence": "hospital"},)),
        {**home(MOTION, HALL), "site": [{**PEOPLE["site"][0], "kind": "institution"}, PEOPLE["site"][1]]},
        {**home(MOTION, HALL), "device": [DEVICES[MOTION], {**DEVICES[HALL], "place": 5}]},
    ],
    ids=["no other sensor", "none that sees a room", "away", "in hospital", "an institution", "both in the bathroom"],
)
def test_nobody_is_watched_where_nothing_could_end_it(registry: dict[str, Any]) -> None:
    """Without a sensor that sees somebody elsewhere every visit to the bathroom would be an alert."""
    assert about(stayed(registry)) == []


@pytest.mark.parametrize("flag", [FLAG_RETAINED, FLAG_STATELESS])
def test_what_the_broker_tells_again_begins_nothing(flag: int) -> None:
    """A retained or redelivered word may be old."""
    assert about(stayed(home(MOTION, HALL), flags=flag)) == []


def test_nothing_falls_due_while_nothing_could_end_it() -> None:
    """A gateway is cut off: whoever left the bathroom meanwhile could not be seen. After it there is the whole time."""
    line = Timeline(home(MOTION, HALL, GATE))
    quiet(line)
    line.at("00:01").rules("H-01", [{"scope": "*", "id": 0, "enabled": False}])
    line.at("10:00").push(MOTION, "motion.detected")
    line.at("10:20").device(GATE, "suspect")
    line.at("11:30").device(GATE, "heard")
    line.want("raised P3", between("12:00"))
    line.at("12:10").push(HALL, "motion.detected")
    line.want("cleared P3", between("12:10"))
    line.want("closed P3", between("12:10"))
    line.check(until="13:00")


def test_the_end_of_the_watch_ends_what_was_open() -> None:
    """Who is reported away is not in the bathroom; the last other sensor that goes takes the watch with it."""
    for change in ({"upsert": {"resident": [{**R1, "presence": "away"}]}}, {"remove": {"device": [HALL]}}):
        line = stayed(home(MOTION, HALL))
        line.enter("registry", at("12:01"), change)
        assert [f.change for f in line.findings] == ["raised", "severity", "cleared"]
        assert line.engine.next_due == NEVER


def test_a_room_that_becomes_a_bathroom_counts_as_one() -> None:
    """From then on; what was a bathroom is elsewhere."""
    bath = PEOPLE["place"][4]
    line = started(
        {**home(MOTION, HALL), "place": [*PEOPLE["place"][:4], {**bath, "role": "room"}, *PEOPLE["place"][5:]]}
    )
    line.push(MOTION, "motion.detected", at("09:00"))
    line.enter("registry", at("09:10"), {"upsert": {"place": [bath]}})
    line.push(MOTION, "motion.detected", at("10:00"))
    line.tick(at("10:30"))
    raised = [f for f in line.findings if f.origin is not None and f.origin.rule == "B-02"]
    assert [f.at for f in raised] == [at("10:30").timestamp() * 1e6]


@pytest.mark.parametrize(
    ("rule", "values", "device", "what", "minutes"),
    [
        ("B-02", {"after": "5min"}, MOTION, "motion.detected", 5),
        ("B-01", {"between": ["09:00", "12:00"], "after": "20min"}, MATTRESS, "bed.left", 20),
        ("D-02", {"between": ["10:30", "12:00"]}, DOOR, "door.opened", 30),
        ("D-02", {"steps": [{"after": "15min", "severity": "P1"}]}, DOOR, "door.opened", 15),
    ],
)
def test_an_override_holds_at_once(rule: str, values: dict[str, Any], device: int, what: str, minutes: int) -> None:
    """Thresholds, windows and steps."""
    line = started(home(DOOR, MOTION, HALL, MATTRESS, residents=({**R1, "bed": 6},)))
    line.enter("rules", at("00:01"), rules_entry("D-03", 2, [{"scope": "*", "id": 0, "enabled": False}]))
    line.enter("rules", at("00:01"), rules_entry(rule, 2, [{"scope": "resident:r1", "id": 1, "set": values}]))
    line.push(device, what, at("10:00"))
    line.tick(at("11:00"))
    raised = [f for f in line.findings if f.origin is not None and f.origin.rule == rule]
    assert [f.at for f in raised] == [at("10:00").timestamp() * 1e6 + minutes * MINUTE]
