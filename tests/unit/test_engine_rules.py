"""Every rule both ways: it raises, it does not raise, it clears, and a rebuild from the log changes none of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.engine import Engine
from alerts.findings import Finding
from alerts.schedule import micros
from store.head import InputEntry
from tests.engine_parts import DOOR, SOS, Line, at, columns, rules_entry, started, told
from tests.log_parts import (
    BED,
    FIRE_EXIT,
    GARDEN,
    GATEWAY,
    GUARD,
    LEAK,
    LOOSE_LEAK,
    PENDANT,
    SECOND_SMOKE,
    SMOKE,
    WORLD,
)

HOME_GATEWAY = 21
HOURED = 4  # the place whose open hours are 06:00 to 22:00
DEMENTIA = {"resident": [{**WORLD["resident"][1], "flags": ["dementia"]}]}
AT_HOME = {"device": [{"id": HOME_GATEWAY, "site": 1, "code": "gw-h", "kind": "gateway", "heartbeat": 60_000_000}]}

Act = tuple[Any, ...]


def world(registry: dict[str, Any] | None) -> Line:
    line = started(WORLD)
    if registry:
        line.enter("registry", at("00:01", 1), {"upsert": registry})
    return line


def play(line: Line, acts: Sequence[Act]) -> list[str]:
    """`("10:00", device, "door.opened")`, `("10:03", device, "suspect", "10:00")`, or `("11:00",)` for the clock."""
    for clock, *act in acts:
        hour, _, day = clock.partition(" ")
        when = at(hour, int(day or 23))
        if not act:
            line.tick(when)
        elif act[1] in {"suspect", "heard"}:
            since = micros(at(act[2])) if len(act) > 2 else micros(when)
            line.enter("device", when, {"device": act[0], "state": act[1], "since": since})
        else:
            line.push(act[0], act[1], when)
    return raised_of(line)


def raised_of(line: Line) -> list[str]:
    rules = {f.alert: f.origin.rule for f in line.findings if f.origin is not None}
    return [f"{rules[f.alert]} {text}" for f, text in zip(line.findings, told(line.findings), strict=True)]


class Case(NamedTuple):
    """What happens, and what comes of it."""

    acts: list[Act]
    wanted: list[str]
    registry: dict[str, Any] | None = None


CASES = {
    "a fall is a P1 at once": Case([("10:00", PENDANT, "fall.detected"), ("23:00",)], ["S-04 raised P1 10:00"]),
    "the wearer's cancel ends the condition, not the alert": Case(
        [("10:00", PENDANT, "fall.detected"), ("10:00:30", PENDANT, "fall.cancelled"), ("23:00",)],
        ["S-04 raised P1 10:00", "S-04 cleared P1 10:00"],
    ),
    "a cancel that comes later ends nothing": Case(
        [("10:00", PENDANT, "fall.detected"), ("10:00:31", PENDANT, "fall.cancelled"), ("23:00",)],
        ["S-04 raised P1 10:00"],
    ),
    "who falls again after a cancel is one alert": Case(
        [
            ("10:00", PENDANT, "fall.detected"), ("10:00:20", PENDANT, "fall.cancelled"),
            ("10:01", PENDANT, "fall.detected"),
        ],
        ["S-04 raised P1 10:00", "S-04 cleared P1 10:00", "S-04 occurrence P1 10:01"],
    ),
    "a low battery is a P3 until it is changed": Case(
        [("10:00", DOOR, "battery.low"), ("10:00",), ("11:00", DOOR, "battery.ok"), ("11:01",)],
        ["H-03 raised P3 10:00", "H-03 cleared P3 11:00", "H-03 closed P3 11:00"],
    ),
    "smoke is a P1 at once, cleared by the detector, closed by nobody but a person": Case(
        [("10:00", SMOKE, "smoke.detected"), ("10:05", SMOKE, "smoke.cleared"), ("23:00",)],
        ["E-01 raised P1 10:00", "E-01 cleared P1 10:05"],
    ),
    "smoke is over when every detector says so": Case(
        [
            ("10:00", SMOKE, "smoke.detected"), ("10:01", SECOND_SMOKE, "smoke.detected"),
            ("10:02", SMOKE, "smoke.cleared"), ("10:03", SECOND_SMOKE, "smoke.cleared"),
        ],
        ["E-01 raised P1 10:00", "E-01 occurrence P1 10:01", "E-01 cleared P1 10:03"],
    ),
    "an end without a beginning is nothing": Case([("10:00", SMOKE, "smoke.cleared"), ("11:00",)], []),
    "gas is a P1 of its own": Case(
        [("10:00", SMOKE, "gas.detected"), ("10:05", SMOKE, "smoke.cleared"), ("10:06", SMOKE, "gas.cleared")],
        ["E-02 raised P1 10:00", "E-02 cleared P1 10:06"],
    ),
    "a drop of water is no flood": Case(
        [("10:00", LEAK, "leak.detected"), ("10:00:59", LEAK, "leak.cleared"), ("11:00",)], []
    ),
    "a minute of water is": Case(
        [("10:00", LEAK, "leak.detected"), ("10:01",), ("10:09", LEAK, "leak.cleared")],
        ["E-03 raised P2 10:01", "E-03 cleared P2 10:09"],
    ),
    "a sensor at no place speaks for its site": Case(
        [("10:00", LEAK, "leak.detected"), ("10:00", LOOSE_LEAK, "leak.detected"), ("10:01",)],
        ["E-03 raised P2 10:01", "E-03 raised P2 10:01"],
    ),
    "an exit of an institution may be open for a minute": Case(
        [("10:00", GARDEN, "door.opened"), ("10:00:59", GARDEN, "door.closed"), ("10:30",)], []
    ),
    "longer is a P2 that stays when it is closed": Case(
        [("10:00", GARDEN, "door.opened"), ("10:01",), ("10:02", GARDEN, "door.closed"), ("23:00",)],
        ["D-06 raised P2 10:01", "D-06 cleared P2 10:02"],
    ),
    "outside its hours at once": Case(
        [("22:30", GARDEN, "door.opened"), ("22:30",)], ["D-06 raised P2 22:30"]
    ),
    "open when its hours end": Case(
        [("21:59:30", GARDEN, "door.opened"), ("22:00",)], ["D-06 raised P2 22:00"]
    ),
    "a home has no institution's exit": Case(
        [("10:00", DOOR, "door.opened"), ("10:09",)], []
    ),
    "where a resident has dementia it is a P1": Case(
        [("10:00", GARDEN, "door.opened"), ("10:01",)], ["D-06 raised P1 10:01"], DEMENTIA
    ),
    "a seal is a P2 at once": Case(
        [("10:00", FIRE_EXIT, "door.opened"), ("10:00",), ("10:00:30", FIRE_EXIT, "door.closed")],
        ["D-07 raised P2 10:00", "D-07 cleared P2 10:00"],
    ),
    "a door that is not sealed has no seal": Case(
        [("10:00", FIRE_EXIT, "door.opened"), ("10:00:30", FIRE_EXIT, "door.closed")], [],
        {"place": [{**WORLD["place"][2], "sealed": False}]},
    ),
    "a gateway of an institution after five minutes": Case(
        [("10:03", GATEWAY, "suspect", "10:00"), ("10:05",), ("10:06", GATEWAY, "heard")],
        ["H-01 raised P3 10:05", "H-01 cleared P3 10:06", "H-01 closed P3 10:06"],
    ),
    "a gateway that comes back in time": Case(
        [("10:03", GATEWAY, "suspect", "10:00"), ("10:04", GATEWAY, "heard"), ("11:00",)], []
    ),
    "a gateway of a home after half an hour": Case(
        [("10:03", HOME_GATEWAY, "suspect", "10:00"), ("10:29",), ("10:30",)], ["H-01 raised P3 10:30"], AT_HOME
    ),
    "a device on mains after ten minutes": Case(
        [("10:09", BED, "suspect", "10:00"), ("10:09:59",), ("10:10",), ("10:12", BED, "heard")],
        ["H-02 raised P3 10:10", "H-02 cleared P3 10:12", "H-02 closed P3 10:12"],
    ),
    "a device on battery after twenty-five hours": Case(
        [("10:00 24", LEAK, "suspect", "10:00"), ("10:59 24",), ("11:00 24",)], ["H-02 raised P3 11:00"]
    ),
    "a device of unknown power as on battery": Case(
        [("10:00 24", SOS, "suspect", "10:00"), ("10:59 24",), ("11:00 24",)], ["H-02 raised P3 11:00"]
    ),
    "tamper in an institution is a P2": Case(
        [("10:00", GUARD, "tamper.detected"), ("10:00",), ("10:01", GUARD, "tamper.cleared")],
        ["H-05 raised P2 10:00", "H-05 cleared P2 10:01"],
    ),
    "tamper at home is a P3": Case(
        [("10:00", DOOR, "tamper.detected"), ("10:00",), ("10:01", DOOR, "tamper.cleared")],
        ["H-05 raised P3 10:00", "H-05 cleared P3 10:01", "H-05 closed P3 10:01"],
    ),
    "restored is no tamper": Case([("10:00", DOOR, "tamper.cleared"), ("10:30",)], []),
    "a guard after five minutes": Case(
        [("10:03", GUARD, "suspect", "10:00"), ("10:05",), ("10:06", GUARD, "heard")],
        ["I-03 raised P3 10:05", "I-03 cleared P3 10:06", "I-03 closed P3 10:06"],
    ),
    "a guard that comes back in time": Case(
        [("10:03", GUARD, "suspect", "10:00"), ("10:04", GUARD, "heard"), ("11:00",)], []
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_raises_and_clears_as_the_catalogue_says(name: str) -> None:
    """The case's name says what is pinned."""
    case = CASES[name]
    assert play(world(case.registry), case.acts) == case.wanted


@pytest.mark.parametrize("name", CASES)
def test_a_rebuild_changes_nothing(name: str) -> None:
    """Cut after any entry and rebuilt from the log, the engine finds the rest as if it had never stopped."""
    line = world(CASES[name].registry)
    play(line, CASES[name].acts)
    for n in range(len(line.entries)):
        found = applied(Engine(), line.entries[:n])
        rebuilt = Engine()
        applied(rebuilt, line.entries[:n])
        assert found + applied(rebuilt, line.entries[n:]) == line.findings


def applied(engine: Engine, entries: Sequence[InputEntry | NDArray[np.void]]) -> list[Finding]:
    """What an engine makes of entries, each a batch of its own."""
    found: list[Finding] = []
    for entry in entries:
        found += engine.apply([entry], columns([])) if isinstance(entry, InputEntry) else engine.apply([], entry)
        engine.adopt()
    return found


@pytest.mark.parametrize(
    ("rule", "values", "acts", "wanted"),
    [
        ("E-03", {"after": "5min"}, [("10:00", LEAK, "leak.detected"), ("10:05",)], ["E-03 raised P2 10:05"]),
        ("D-06", {"after": "3min"}, [("10:00", GARDEN, "door.opened"), ("10:03",)], ["D-06 raised P2 10:03"]),
        (
            "D-06",
            {"off_hours.after": "20s"},
            [("22:30", GARDEN, "door.opened"), ("22:31",)],
            ["D-06 raised P2 22:30"],
        ),
        ("D-07", {"severity": "P1"}, [("10:00", FIRE_EXIT, "door.opened"), ("10:00",)], ["D-07 raised P1 10:00"]),
        ("H-01", {"after": "1min"}, [("10:03", GATEWAY, "suspect", "10:00"), ("10:03",)], ["H-01 raised P3 10:03"]),
        ("H-02", {"after": "2h"}, [("10:09", BED, "suspect", "10:00"), ("12:00",)], ["H-02 raised P3 12:00"]),
        ("H-03", {"after": "1h"}, [("10:00", DOOR, "battery.low"), ("11:00",)], ["H-03 raised P3 11:00"]),
        ("H-05", {"severity": "P4"}, [("10:00", GUARD, "tamper.detected"), ("10:00",)], ["H-05 raised P4 10:00"]),
        ("I-03", {"severity": "P2"}, [("10:03", GUARD, "suspect", "10:00"), ("10:05",)], ["I-03 raised P2 10:05"]),
    ],
)
def test_an_override_sets_what_the_rule_and_its_cases_say(
    rule: str, values: dict[str, str], acts: list[Act], wanted: list[str]
) -> None:
    """It overrules the default and the case of the subject alike."""
    line = world(None)
    line.enter("rules", at("09:00"), rules_entry(rule, 2, [{"scope": "*", "id": 0, "set": values}]))
    assert play(line, acts) == wanted


def test_a_flag_that_is_set_while_the_door_is_open_raises_the_severity() -> None:
    """And one that goes does not lower it."""
    line = world(None)
    play(line, [("10:00", GARDEN, "door.opened"), ("10:01",)])
    line.enter("registry", at("10:02"), {"upsert": DEMENTIA})
    line.tick(at("10:02"))
    line.enter("registry", at("10:03"), {"upsert": {"resident": [WORLD["resident"][1]]}})
    line.tick(at("10:04"))
    assert raised_of(line) == ["D-06 raised P2 10:01", "D-06 severity P1 10:02"]


@pytest.mark.parametrize(
    ("hours", "wanted"), [(None, []), ([], ["10:00"]), (["00:00-24:00"], []), (["11:00-12:00"], ["10:00"])]
)
def test_what_a_schedule_says(hours: list[str] | None, wanted: list[str]) -> None:
    """No schedule leaves the minute alone; one without hours is never open, one of the whole day always."""
    line = world({"place": [{**WORLD["place"][3], "open_hours": hours}]})
    play(line, [("10:00", GARDEN, "door.opened"), ("10:00",)])
    assert raised_of(line) == [f"D-06 raised P2 {clock}" for clock in wanted]


def test_a_late_end_of_smoke_ends_nothing() -> None:
    """An end that is older than the detection was of an earlier fire; a removed detector ends its own."""
    line = world(None)
    line.push(SMOKE, "smoke.detected", at("10:00"))
    line.push(SMOKE, "smoke.cleared", at("09:59"), received=at("10:01"))
    assert raised_of(line) == ["E-01 raised P1 10:00"]
    line.enter("registry", at("10:02"), {"remove": {"device": [SMOKE]}})
    assert raised_of(line)[1:] == ["E-01 cleared P1 10:02"]


def test_smoke_that_was_closed_while_active_raises_anew() -> None:
    """Never suppressed: the next detection is a new P1, not a muted one."""
    line = world(None)
    line.push(SMOKE, "smoke.detected", at("10:00"))
    line.enter("closing", at("10:01"), {"alert": 1, "rule": "E-01", "subject_kind": "site", "subject": 1})
    line.push(SMOKE, "smoke.detected", at("10:02"))
    assert raised_of(line) == ["E-01 raised P1 10:00", "E-01 raised P1 10:02"]


def test_a_stall_does_not_restart_a_long_silence() -> None:
    """A battery's 25 hours go on through it; one that fell due meanwhile waits nine minutes, not a day."""
    line = world(None)
    line.enter("device", at("10:00", 24), {"device": LEAK, "state": "suspect", "since": micros(at("10:00"))})
    body = {"from": micros(at("10:30", 24)), "to": micros(at("10:40", 24))}
    line.enter("stall", at("10:40", 24), body)
    line.tick(at("11:00", 24))
    assert raised_of(line) == ["H-02 raised P3 11:00"]
    line = world(None)
    line.enter("device", at("10:00", 24), {"device": LEAK, "state": "suspect", "since": micros(at("10:00"))})
    line.enter("stall", at("12:00", 24), {**body, "to": micros(at("12:00", 24))})
    line.tick(at("12:30", 24))
    assert raised_of(line) == ["H-02 raised P3 12:09"]


# ---------------------------------------------------------------- inhibition
def acted(line: Line, kind: str, clock: str, alert: int, rule: str, **more: Any) -> None:
    body = {"alert": alert, "rule": rule, "subject_kind": "place", "subject": HOURED, **more}
    line.enter(kind, at(clock), body)


def open_for_long() -> Line:
    """A garden door open since 10:00: D-06 from 10:01, D-03 from 10:10."""
    line = world(None)
    play(line, [("10:00", GARDEN, "door.opened"), ("10:20",)])
    return line


def test_what_falls_due_under_its_parent_is_inhibited() -> None:
    """It is raised as a row of its own that names what explains it, and closes itself with the door."""
    line = open_for_long()
    assert raised_of(line) == ["D-06 raised P2 10:01", "D-03 raised P3 10:10"]
    assert [f.parent for f in line.findings] == [0, 1]
    line.push(GARDEN, "door.closed", at("10:21"))
    assert raised_of(line)[2:] == ["D-03 cleared P3 10:21", "D-03 closed P3 10:21", "D-06 cleared P2 10:21"]


def test_what_still_holds_when_its_parent_is_closed_surfaces() -> None:
    """And stands on its own from then on."""
    line = open_for_long()
    acted(line, "closing", "10:30", 1, "D-06")
    line.tick(at("10:40"))
    assert raised_of(line)[2:] == ["D-03 surfaced P3 10:30"]
    line.tick(at("23:00"))
    assert raised_of(line)[3:] == ["D-06 raised P2 22:30", "D-03 inhibited P3 22:30", "D-03 severity P2 23:00"]


def test_an_inhibited_p2_closes_itself() -> None:
    """Nobody was shown it, and nobody need close it."""
    line = world(None)
    play(line, [("23:00", GARDEN, "door.opened"), ("23:10",), ("23:20", GARDEN, "door.closed")])
    assert raised_of(line) == [
        "D-06 raised P2 23:00", "D-03 raised P2 23:05", "D-03 cleared P2 23:20", "D-03 closed P2 23:20",
        "D-06 cleared P2 23:20",
    ]  # fmt: skip


@pytest.mark.parametrize("claimed", [False, True])
def test_only_what_nobody_has_claimed_is_folded(claimed: bool) -> None:
    """A D-03 that came first is folded into the D-06 of its door, unless somebody is at it."""
    line = world(None)
    line.enter("rules", at("09:00"), rules_entry("D-06", 2, [{"scope": "*", "id": 0, "set": {"after": "15min"}}]))
    play(line, [("10:00", GARDEN, "door.opened"), ("10:10",)])
    if claimed:
        acted(line, "claim", "10:11", 1, "D-03", held=True)
    line.tick(at("10:15"))
    folded = [] if claimed else ["D-03 inhibited P3 10:15"]
    assert raised_of(line) == ["D-03 raised P3 10:10", "D-06 raised P2 10:15", *folded]


def test_another_parent_takes_over() -> None:
    """A sealed exit: when its D-07 is closed, the D-06 that still holds explains the door."""
    line = world(None)
    play(line, [("10:00", FIRE_EXIT, "door.opened"), ("10:20",)])
    assert raised_of(line) == ["D-07 raised P2 10:00", "D-06 raised P2 10:01", "D-03 raised P3 10:10"]
    parent = line.findings[-1].parent
    rule = {1: "D-07", 2: "D-06"}[parent]
    line.enter("closing", at("10:21"), {"alert": parent, "rule": rule, "subject_kind": "place", "subject": 3})
    assert (raised_of(line)[-1], line.findings[-1].parent) == ("D-03 inhibited P3 10:21", 3 - parent)
    rule = {1: "D-07", 2: "D-06"}[3 - parent]
    line.enter("closing", at("10:22"), {"alert": 3 - parent, "rule": rule, "subject_kind": "place", "subject": 3})
    assert raised_of(line)[-1] == "D-03 surfaced P3 10:22"


def test_a_claimed_child_stands_on_its_own() -> None:
    """Somebody claims what is inhibited: the end of its parent tells nothing of it."""
    line = open_for_long()
    acted(line, "claim", "10:25", 2, "D-03", held=True)
    acted(line, "closing", "10:30", 1, "D-06")
    assert raised_of(line) == ["D-06 raised P2 10:01", "D-03 raised P3 10:10"]
