"""A-01 as timelines: who is watched, what is a sign of life, what only looks like one, and what a person may change."""

from datetime import datetime
from typing import Any

import pytest

from alerts.schedule import micros
from devices.columns import FLAG_RETAINED, FLAG_STATELESS
from tests.engine_parts import DOOR, SHANGHAI, SOS, Line, at, clock, rules_entry, started
from tests.log_parts import GATE, MATTRESS, METER, MOTION, PEOPLE, R1, R3, WRIST

DEVICES = {d["id"]: d for d in PEOPLE["device"]}
ALONE = {**PEOPLE, "resident": [R1], "device": [DEVICES[MOTION], DEVICES[GATE], DEVICES[SOS]]}


def begun(home: dict[str, Any] | None = None, hour: str = "06:00") -> Line:
    """A home of one, with a motion sensor behind a gateway and a button; the count begins at `hour`."""
    return started(home or ALONE, at(hour))


def told(line: Line, resident: int = 1) -> list[str]:
    """What came of A-01, as a person would say it."""
    mine = {f.alert for f in line.findings if f.origin and (f.origin.rule, f.origin.subject) == ("A-01", resident)}
    return [f"{f.change} P{f.severity} {day(f.at)}" for f in line.findings if f.alert in mine]


def day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1e6, SHANGHAI):%d} {clock(moment)}"


def be(line: Line, when: datetime, **changed: Any) -> None:
    line.enter("registry", when, {"upsert": {"resident": [{**R1, **changed}]}})


def test_one_alert_climbs_three_steps() -> None:
    """8 h P4, 12 h P2, 24 h P1, each with its true moment; activity clears it, and a person closes it."""
    line = begun()
    line.push(MOTION, "motion.detected", at("07:00"))
    line.tick(at("14:59"))
    assert told(line) == []
    line.tick(at("15:00"))
    line.tick(at("08:00", 24))
    line.push(MOTION, "motion.detected", at("08:30", 24))
    assert told(line) == ["raised P4 23 15:00", "severity P2 23 19:00", "severity P1 24 07:00", "cleared P1 24 08:30"]
    assert {f.alert for f in line.findings} == {1}


def test_a_p4_closes_itself_with_the_next_sign() -> None:
    """And the count begins anew there."""
    line = begun()
    line.tick(at("14:30"))
    line.push(MOTION, "motion.detected", at("15:00"))
    line.tick(at("22:59"))
    assert told(line) == ["raised P4 23 14:00", "cleared P4 23 15:00", "closed P4 23 15:00"]


@pytest.mark.parametrize("presence", ["away", "hospital"])
def test_who_is_reported_away_is_not_watched(presence: str) -> None:
    """An open alert's condition ends with the report; coming home begins the count."""
    line = begun()
    line.tick(at("18:30"))
    be(line, at("19:00"), presence=presence)
    line.tick(at("18:00", 25))
    assert told(line) == ["raised P4 23 14:00", "severity P2 23 18:00", "cleared P2 23 19:00"]
    be(line, at("18:00", 25), presence="home")
    line.tick(at("01:59", 26))
    assert len(told(line)) == 3
    line.tick(at("02:00", 26))
    assert told(line)[3:] == ["occurrence P2 26 02:00"]


def test_the_count_begins_with_the_resident() -> None:
    """Before somebody was registered, nobody was silent."""
    line = begun({**ALONE, "resident": []})
    be(line, at("10:00"))
    line.tick(at("17:59"))
    assert told(line) == []
    line.tick(at("18:00"))
    assert told(line) == ["raised P4 23 18:00"]


@pytest.mark.parametrize("devices", [[], [SOS]])
def test_without_a_sensor_nobody_is_silent(devices: list[int]) -> None:
    """A home with a button alone is no P1 every day."""
    line = begun({**ALONE, "device": [DEVICES[d] for d in devices]})
    line.tick(at("06:00", 25))
    assert told(line) == []


@pytest.mark.parametrize(
    ("device", "what"),
    [
        (SOS, "sos.pressed"), (DOOR, "door.opened"), (DOOR, "door.closed"), (MATTRESS, "bed.left"),
        (METER, "water.metered"),
    ],
)  # fmt: skip
def test_signs_of_life(device: int, what: str) -> None:
    """Motion, door, bed, button and water."""
    line = begun({**PEOPLE, "resident": [R1]})
    line.push(device, what, at("10:00"), value=1.5)
    line.tick(at("17:59"))
    assert told(line) == []
    line.tick(at("18:00"))
    assert told(line) == ["raised P4 23 18:00"]


@pytest.mark.parametrize(
    ("device", "what", "more"),
    [
        (MOTION, "motion.detected", {"flags": FLAG_RETAINED}), (MOTION, "motion.detected", {"flags": FLAG_STATELESS}),
        (MOTION, "battery.low", {}), (METER, "water.metered", {}), (METER, "water.metered", {"value": 7.25}),
        (WRIST, "motion.detected", {}),
    ],
)  # fmt: skip
def test_what_is_no_sign_of_life(device: int, what: str, more: dict[str, Any]) -> None:
    """What a broker tells again, a battery, a meter that stands still, and what another resident wears."""
    line = begun({**PEOPLE, "resident": [R1, R3]})
    line.push(METER, "water.metered", at("06:00"), value=7.25)
    line.push(device, what, at("10:00"), **more)
    line.tick(at("14:00"))
    assert told(line) == ["raised P4 23 14:00"]


def test_a_bed_tells_of_who_sleeps_there() -> None:
    """The mattress of one of two is no sign of the other; the door is one of both."""
    line = begun({**PEOPLE, "resident": [R1, R3]})
    line.push(MATTRESS, "bed.entered", at("10:00"))
    line.tick(at("14:00"))
    assert (told(line, 1), told(line, 3)) == (["raised P4 23 14:00"], [])
    line.push(DOOR, "door.opened", at("14:30"))
    line.tick(at("22:30"))
    assert (told(line, 1)[-1], told(line, 3)) == ("raised P4 23 22:30", ["raised P4 23 22:30"])


def test_a_late_sign_never_shortens_a_silence_that_began_later() -> None:
    """An old one changes nothing; one that is newer than the last known moves the deadline."""
    line = begun()
    line.push(MOTION, "motion.detected", at("10:00"))
    line.push(MOTION, "motion.detected", at("08:00"), received=at("10:01"))
    line.push(MOTION, "motion.detected", at("11:00"), received=at("17:30"))
    line.tick(at("18:59"))
    assert told(line) == []
    line.tick(at("19:00"))
    assert told(line) == ["raised P4 23 19:00"]


def test_a_backlog_is_judged_by_its_own_times() -> None:
    """A day's signs that come at once: the silence that was long is raised with its moment, and over again."""
    line = begun()
    for hour in ("07:00", "10:00", "19:00", "20:00"):
        line.push(MOTION, "motion.detected", at(hour), received=at("21:00"))
    line.tick(at("21:00"))
    assert told(line) == ["raised P4 23 18:00", "cleared P4 23 19:00", "closed P4 23 19:00"]


def test_the_count_stands_still_while_no_sensor_can_be_heard() -> None:
    """The gateway is down for two hours: the eight hours are those in which somebody could be heard."""
    line = begun()
    line.enter("device", at("10:00"), {"device": GATE, "state": "suspect", "since": micros(at("09:57"))})
    line.tick(at("11:59"))
    line.enter("device", at("12:00"), {"device": GATE, "state": "heard", "since": micros(at("12:00"))})
    line.tick(at("15:59"))
    assert told(line) == []
    line.tick(at("16:00"))
    assert told(line) == ["raised P4 23 16:00"]


def test_the_silence_of_a_sensor_without_beats_is_what_is_looked_for() -> None:
    """A battery sensor is suspect after a day of silence, which is just when somebody must look."""
    line = begun()
    line.enter("device", at("06:00", 24), {"device": MOTION, "state": "suspect", "since": micros(at("06:00"))})
    line.tick(at("06:00", 24))
    assert told(line)[-1] == "severity P1 24 06:00"


def test_a_removed_sensor_does_not_work() -> None:
    """Nor does one that says itself that it goes."""
    for gone in (("registry", {"remove": {"device": [MOTION]}}), ("device", {"device": MOTION, "state": "offline"})):
        line = begun()
        line.enter(gone[0], at("10:00"), gone[1])
        line.tick(at("06:00", 26))
        assert told(line) == []


def stall(line: Line, start: str, end: str) -> None:
    line.enter("stall", at(end), {"from": micros(at(start)), "to": micros(at(end))})


def test_what_fell_due_while_nobody_listened_has_its_true_time() -> None:
    """The broker kept signs of life; a timer longer than the stall neither waits nor starts again."""
    line = begun()
    stall(line, "13:30", "15:00")
    line.tick(at("15:00"))
    assert told(line) == ["raised P4 23 14:00"]


def test_a_silence_that_the_stall_may_explain_waits_for_the_sensors() -> None:
    """A step of ten minutes and a stall of an hour: nine minutes are granted to a sensor without beats."""
    line = begun()
    line.enter("rules", at("07:00"), rules_entry("A-01", 2, [{"scope": "*", "id": 0, "set": {"after": "10min"}}]))
    line.push(MOTION, "motion.detected", at("09:55"))
    stall(line, "10:00", "11:00")
    line.tick(at("11:08"))
    assert len(told(line)) == 3
    line.tick(at("11:09"))
    assert told(line)[-1] == "raised P4 23 11:09"


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"after": "2h"}, ["raised P4 23 08:00", "severity P2 23 18:00"]),
        ({"steps.1.after": "9h"}, ["raised P4 23 14:00", "severity P2 23 15:00"]),
        ({"steps": [{"after": "10h", "severity": "P1"}]}, ["raised P4 23 14:00", "severity P1 23 16:00"]),
        ({"severity": "P3", "steps.1.severity": "P1"}, ["raised P3 23 14:00", "severity P1 23 18:00"]),
    ],
)
def test_overrides_of_after_and_of_steps(values: dict[str, Any], wanted: list[str]) -> None:
    """Each step by its key, or all that follow the first as a list."""
    line = begun()
    line.enter("rules", at("06:00"), rules_entry("A-01", 2, [{"scope": "resident:r1", "id": 1, "set": values}]))
    line.tick(at("20:00"))
    assert told(line) == wanted


def test_a_closing_mutes_up_to_its_severity() -> None:
    """Somebody rang and all was well: the P2 that was closed is muted, the P1 is raised anew."""
    line = begun()
    line.tick(at("18:00"))
    body = {"alert": 1, "rule": "A-01", "subject_kind": "resident", "subject": 1, "severity": 2, "active": True}
    line.enter("closing", at("18:10"), body)
    line.tick(at("05:59", 24))
    assert len(line.findings) == 2
    line.tick(at("06:00", 24))
    assert [f"{f.change} P{f.severity} {day(f.at)}" for f in line.findings[2:]] == ["raised P1 24 06:00"]


def test_a_home_that_is_none_any_more_has_no_such_alert() -> None:
    """The site becomes an institution: the watch of its residents ends."""
    line = begun()
    line.tick(at("14:00"))
    line.enter("registry", at("15:00"), {"upsert": {"site": [{**PEOPLE["site"][0], "kind": "institution"}]}})
    assert told(line)[1:] == ["cleared P4 23 15:00", "closed P4 23 15:00"]
