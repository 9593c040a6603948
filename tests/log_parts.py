"""Random logs, what the reference makes of them, and the ways in which an engine may be fed with them."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from alerts.catalogue import load_catalogue
from alerts.engine import Engine
from alerts.findings import Finding
from alerts.schedule import micros, moment
from devices.columns import FLAG_STATELESS, NO_BOOT, NO_SEQ, NO_TIME
from devices.types import EVENT_TYPES
from store.head import InputEntry
from tests.engine_parts import CAMERA, DOOR, HOME, MINUTE, SECOND_DOOR, SOS, at, columns, rules_entry
from tests.reference import Reference
from tests.reference_parts import Found

Entry = dict[str, Any]

START = micros(at("21:30"))
FIRE_EXIT, GARDEN, GATEWAY, GUARD, BED, LEAK, LOOSE_LEAK, SMOKE, SECOND_SMOKE = range(11, 20)
MOTION, METER, MATTRESS, GATE, WRIST, PENDANT, HALL = range(31, 38)
HOURS = ["06:00-12:00", "11:00-22:00"]
# A home, and an institution whose garden door has hours and whose fire exit is sealed.
WORLD: dict[str, Any] = {
    "site": [*HOME["site"], {"id": 2, "code": "c1", "kind": "institution", "street": "s", "timezone": "Asia/Shanghai"}],
    "place": [
        *HOME["place"],
        {"id": 3, "site": 2, "code": "fire", "kind": "door", "role": "fire_exit", "sealed": True},
        {"id": 4, "site": 2, "code": "garden", "kind": "door", "role": "exit", "open_hours": HOURS},
        {"id": 5, "site": 1, "code": "bath", "kind": "room", "role": "bathroom"},
        {"id": 6, "site": 1, "code": "bed-1", "kind": "bed"},
    ],
    "resident": [*HOME["resident"], {"id": 2, "site": 2, "code": "r2", "flags": [], "presence": "away"}],
    "device": [
        *HOME["device"],
        {"id": FIRE_EXIT, "site": 2, "code": "mag-fire", "kind": "door_sensor", "place": 3},
        {"id": GARDEN, "site": 2, "code": "mag-garden", "kind": "door_sensor", "place": 4},
        {"id": GATEWAY, "site": 2, "code": "gw", "kind": "gateway", "place": None, "heartbeat": MINUTE},
        {"id": GUARD, "site": 2, "code": "guard", "kind": "guard", "place": 4, "heartbeat": MINUTE},
        {"id": BED, "site": 1, "code": "mat", "kind": "bed_sensor", "place": None, "power": "mains"},
        {"id": LEAK, "site": 1, "code": "leak-1", "kind": "leak", "place": 5, "power": "battery"},
        {"id": LOOSE_LEAK, "site": 1, "code": "leak-2", "kind": "leak", "place": None},
        {"id": SMOKE, "site": 1, "code": "smoke-1", "kind": "smoke", "place": None},
        {"id": SECOND_SMOKE, "site": 1, "code": "smoke-2", "kind": "smoke", "place": 5},
        {"id": MOTION, "site": 1, "code": "pir", "kind": "motion", "place": 5, "gateway": GATE},
        {"id": METER, "site": 1, "code": "meter", "kind": "water_meter", "heartbeat": 5 * MINUTE},
        {"id": MATTRESS, "site": 1, "code": "mat-2", "kind": "bed_sensor", "place": 6, "gateway": GATE},
        {"id": GATE, "site": 1, "code": "gw-h", "kind": "gateway", "heartbeat": MINUTE},
        {"id": WRIST, "site": 1, "code": "wrist", "kind": "motion", "resident": 3},
        {"id": HALL, "site": 1, "code": "pir-2", "kind": "motion", "place": None, "gateway": GATE},
        {"id": PENDANT, "site": 1, "code": "fall-1", "kind": "fall", "place": None, "resident": 1},
    ],
}  # fmt: skip
HERE = {"presence": "home"}
R1, R2 = ({**r, **HERE} for r in WORLD["resident"])
R3 = {"id": 3, "site": 1, "code": "r3", "flags": [], "bed": 6, **HERE}
PEOPLE = {**WORLD, "resident": [R1, R2, R3]}  # of the same home two, one with a bed of his own
ALL = {"scope": "*", "id": 0}
OVERRIDES: tuple[tuple[str, list[dict[str, Any]]], ...] = (
    ("D-03", []),
    ("D-03", [{**ALL, "set": {"after": "3min", "night.after": "1min"}}]),
    ("D-03", [{"scope": "place:h1/door-1", "id": 1, "set": {"severity": "P2"}, "enabled": True}]),
    ("D-03", [{"scope": "site:h1", "id": 1, "enabled": False}, {"scope": "place:h1/door-2", "id": 2, "enabled": True}]),
    ("D-03", [{**ALL, "set": {"night.between": ["22:00", "05:00"], "night.severity": "P1"}}]),
    ("H-04", []),
    ("H-04", [{"scope": "device:h1/cam-1", "id": CAMERA, "set": {"after": "2min", "severity": "P2"}}]),
    ("D-06", []),
    ("D-06", [{"scope": "place:c1/garden", "id": 4, "set": {"off_hours.after": "4min", "severity": "P3"}}]),
    ("D-06", [{"scope": "site:c1", "id": 2, "enabled": False}]),
    ("D-06", [{**ALL, "set": {"severity": "P4", "off_hours.severity": "P3", "after": "5min"}}]),
    ("D-07", []),
    ("D-07", [{**ALL, "set": {"after": "2min", "severity": "P3"}}]),
    ("E-03", [{"scope": "site:h1", "id": 1, "set": {"severity": "P3"}}]),
    ("H-01", [{**ALL, "set": {"after": "1min"}}]),
    ("H-02", [{**ALL, "set": {"severity": "P2"}}]),
    ("H-03", [{**ALL, "set": {"after": "3min", "severity": "P2"}}]),
    ("H-05", [{"scope": "device:c1/gw", "id": GATEWAY, "set": {"severity": "P4"}}]),
    ("I-03", [{**ALL, "enabled": False}]),
    ("I-03", []),
    ("D-01", []),
    ("D-01", [{**ALL, "set": {"after": "2min", "between": ["21:00", "05:00"]}}]),
    ("D-01", [{"scope": "place:h1/door-1", "id": 1, "set": {"severity": "P3"}}]),
    ("D-05", []),
    ("D-05", [{**ALL, "set": {"times": 2, "within": "40min", "quiet": "5min", "between": ["20:00", "06:00"]}}]),
    ("D-05", [{"scope": "site:h1", "id": 1, "enabled": False}]),
    ("B-03", []),
    ("B-03", [{**ALL, "set": {"times": 2, "severity": "P2", "between": ["21:00", "06:00"]}}]),
    ("B-03", [{"scope": "resident:r3", "id": 3, "set": {"times": 3, "within": "20min"}}]),
    ("D-02", []),
    ("D-02", [{**ALL, "set": {"after": "4min", "between": ["21:00", "05:00"]}}]),
    ("D-02", [{"scope": "resident:r3", "id": 3, "set": {"steps": [{"after": "20min", "severity": "P1"}]}}]),
    ("B-01", []),
    ("B-01", [{**ALL, "set": {"after": "6min", "severity": "P3"}}]),
    ("B-01", [{"scope": "site:h1", "id": 1, "set": {"between": ["21:30", "23:30"]}}]),
    ("B-02", []),
    ("B-02", [{**ALL, "set": {"after": "5min", "steps.1.after": "11min"}}]),
    ("B-02", [{"scope": "resident:r1", "id": 1, "enabled": False}]),
    ("A-01", []),
    ("A-01", [{**ALL, "set": {"after": "20min", "steps.1.after": "45min", "steps.2.after": "1h"}}]),
    ("A-01", [{**ALL, "set": {"after": "7min", "steps": [{"after": "11min", "severity": "P1"}]}}]),
    ("A-01", [{"scope": "resident:r3", "id": 3, "set": {"after": "30min", "severity": "P3"}}]),
    ("A-01", [{"scope": "site:h1", "id": 1, "enabled": False}, {"scope": "resident:r1", "id": 1, "enabled": True}]),
)
# What is counted happens too seldom in a log of sixty entries.
SOONER: dict[str, list[dict[str, Any]]] = {
    "D-05": [{**ALL, "set": {"times": 2, "within": "7h", "quiet": "90min", "between": ["00:00", "23:59"]}}],
    "B-03": [{**ALL, "set": {"times": 2, "quiet": "2h", "between": ["00:00", "23:59"]}}],
}
DEVICES = {d["id"]: d for d in WORLD["device"]}
# Removed where they are there, else registered.
COMING_AND_GOING = (
    DOOR, SECOND_DOOR, CAMERA, FIRE_EXIT, GARDEN, LEAK, LOOSE_LEAK, SMOKE, BED, GUARD, MOTION, GATE, WRIST, PENDANT,
    HALL, MATTRESS,
)  # fmt: skip
CHANGES: tuple[dict[str, Any], ...] = (
    {"resident": [{**R2, "flags": ["dementia"]}]},
    {"resident": [{**R2, "flags": ["fall_risk"]}]},
    {"resident": [{**R1, "presence": "away"}]},
    {"resident": [R1]},
    {"resident": [R1, R3]},
    {"resident": [{**R3, "presence": "hospital"}]},
    {"resident": [{**R3, "bed": None}]},
    {"resident": [{**R1, "bed": 6}]},
    {"device": [{**DEVICES[MATTRESS], "gateway": None}]},
    {"device": [DEVICES[MATTRESS]]},
    {"place": [{**WORLD["place"][3], "open_hours": None}]},
    {"place": [{**WORLD["place"][3], "open_hours": []}]},
    {"place": [WORLD["place"][3]]},
    {"place": [{**WORLD["place"][4], "role": "room"}]},
    {"place": [WORLD["place"][4]]},
    {"place": [{**WORLD["place"][1], "role": "entrance"}]},
    {"resident": [{**R3, "flags": ["dementia"]}]},
    {"device": [{**DEVICES[HALL], "place": 5}]},
    {"device": [DEVICES[HALL]]},
    {"place": [{**WORLD["place"][2], "sealed": False}]},
    {"place": [WORLD["place"][2]]},
    {"site": [{**WORLD["site"][1], "kind": "home"}]},
    {"site": [WORLD["site"][1]]},
    {"device": [{**DEVICES[BED], "power": "battery"}]},
    {"device": [{**DEVICES[LEAK], "place": None}]},
)
SILENT = (CAMERA, GATEWAY, GUARD, BED, LEAK, GATE, GATE, MOTION, METER, DOOR)
EVENTS = (
    (DOOR, "door.opened"), (DOOR, "door.closed"), (SECOND_DOOR, "door.opened"), (SECOND_DOOR, "door.closed"),
    (SOS, "sos.pressed"), (CAMERA, "camera.offline"), (CAMERA, "camera.online"), (CAMERA, "camera.disabled"),
    (DOOR, "battery.low"), (FIRE_EXIT, "door.opened"), (FIRE_EXIT, "door.opened"), (FIRE_EXIT, "door.closed"),
    (GARDEN, "door.opened"), (GARDEN, "door.opened"), (GARDEN, "door.closed"), (LEAK, "leak.detected"),
    (LEAK, "leak.cleared"), (LOOSE_LEAK, "leak.detected"), (LOOSE_LEAK, "leak.cleared"), (SMOKE, "smoke.detected"),
    (SMOKE, "smoke.cleared"), (SECOND_SMOKE, "smoke.detected"), (SECOND_SMOKE, "smoke.cleared"),
    (SECOND_SMOKE, "gas.detected"), (SECOND_SMOKE, "gas.cleared"), (GATEWAY, "tamper.detected"),
    (MOTION, "motion.detected"), (MOTION, "motion.detected"), (BED, "bed.left"), (HALL, "motion.detected"),
    (MATTRESS, "bed.left"), (MATTRESS, "bed.left"), (BED, "bed.entered"), (BED, "bed.entered"), (BED, "bed.left"),
    (DOOR, "door.opened"), (DOOR, "door.closed"), (METER, "water.metered"),
    (METER, "water.metered"), (MATTRESS, "bed.entered"), (WRIST, "motion.detected"),
    (GATEWAY, "tamper.cleared"), (DOOR, "tamper.detected"), (DOOR, "tamper.cleared"), (DOOR, "battery.ok"),
    (PENDANT, "fall.detected"), (PENDANT, "fall.cancelled"),
)  # fmt: skip

KINDS = (
    ("event",) * 10
    + ("watermark",) * 4
    + ("closing", "closing", "claim", "rules", "registry", "registry", "device", "device", "stall")
)
WAITS = (0, 0, 0, 1, 1, 3, 5, 10, 47, 200, 740)  # minutes until it
LAGS = (0, 0, 0, 0, 1, 4, 12, 60)  # minutes that an event is late
SORTS = ("timed", "timed", "timed", "counted", "skewed", "stateless")

Plan = list[tuple[str, int, int, int, str]]
PLANS = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.integers(0, 10_000), st.sampled_from(WAITS), st.sampled_from(LAGS),
        st.sampled_from(SORTS),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


def diced(dice: random.Random) -> Plan:
    """A plan without Hypothesis."""
    return [
        (dice.choice(KINDS), dice.randrange(10_000), dice.choice(WAITS), dice.choice(LAGS), dice.choice(SORTS))
        for _ in range(dice.randrange(10, 70))
    ]


@dataclass
class Log:
    """A log and what the reference makes of it."""

    entries: list[Entry]
    found: list[Found]


def written(plan: Plan) -> Log:
    """The log that a plan comes to: closings name alerts that are open by then."""
    reference, entries, now = Reference(), list[Entry](), START
    for position, (rule, _) in enumerate(load_catalogue().items(), 1):
        entries.append(
            {"kind": "rules", "position": position, "at": START, "body": rules_entry(rule, 1, SOONER.get(rule, []))}
        )
    entries.append(
        {"kind": "registry", "position": len(entries) + 1, "at": START, "body": {"upsert": PEOPLE, "remove": {}}}
    )
    for first in entries:
        reference.feed(first)
    for kind, choice, wait, lag, sort in plan:
        now += wait * MINUTE
        entry = an_event(choice, now, lag * MINUTE, sort) if kind == "event" else control(kind, choice, now, reference)
        if entry is not None:
            entry["position"] = len(entries) + 1
            entries.append(entry)
            reference.feed(entry)
    return Log(entries, reference.found)


def control(kind: str, choice: int, now: int, reference: Reference) -> Entry | None:
    body: dict[str, Any] = {}
    if kind in {"closing", "claim"}:
        found = reference.open_alerts()
        if not found:
            return None
        if choice % 2:  # what others explain, where there is any: of that a claim makes a difference
            found = [s for s in found if s.rule == "D-03"] or found
        s = found[choice // 2 % len(found)]
        body = {"alert": s.alert, "rule": s.rule, "subject_kind": s.kind, "subject": s.id}
        body |= {"severity": s.severity} if kind == "closing" else {"held": choice % 3 > 0}
    elif kind == "rules":
        rule, overrides = OVERRIDES[choice % len(OVERRIDES)]
        body = rules_entry(rule, choice + 2, overrides)
    elif kind == "registry":
        body = changed(choice, reference)
    elif kind == "device":
        state = ["suspect", "offline", "heard"][choice % 3]
        body = {"device": SILENT[choice % len(SILENT)], "state": state, "since": now - 3 * MINUTE}
    elif kind == "stall":
        body = {"from": now - (10 + choice % 50) * MINUTE, "to": now}
    return {"kind": kind, "at": now, "body": body}


def changed(choice: int, reference: Reference) -> Entry:
    """A device comes or goes, or something else of the registry changes."""
    n = choice % (len(COMING_AND_GOING) + len(CHANGES))
    if n >= len(COMING_AND_GOING):
        return {"upsert": CHANGES[n - len(COMING_AND_GOING)]}
    device = COMING_AND_GOING[n]
    there = device in reference.registry["device"]
    return {"remove": {"device": [device]}} if there else {"upsert": {"device": [DEVICES[device]]}}


def an_event(choice: int, now: int, lag: int, sort: str) -> Entry:
    device, what = EVENTS[choice % len(EVENTS)]
    timed = sort == "timed" or (sort == "counted" and choice % 2 == 0)
    entry: Entry = {
        "kind": "event", "device": device, "type": what, "received": now, "timed": timed,
        "effective": now - lag if timed else now, "stateless": sort == "stateless",
    }  # fmt: skip
    if what == "water.metered":
        entry["value"] = float(choice % 5)
    if sort == "counted":
        entry |= {"boot": f"b{choice % 7 // 4}", "seq": choice % 50}
    return entry


def row(entry: Entry) -> Entry:
    """An event as the engine's columns have it."""
    flags = FLAG_STATELESS if entry["stateless"] else 0
    return {
        "position": entry["position"], "received_at": entry["received"], "effective_at": entry["effective"],
        "at": entry["effective"] if entry["timed"] else NO_TIME, "device": entry["device"],
        "type": EVENT_TYPES[entry["type"]], "value": entry.get("value", np.nan), "seq": entry.get("seq", NO_SEQ),
        "boot": int(entry["boot"][1:]) + 1 if "boot" in entry else NO_BOOT, "flags": flags,
    }  # fmt: skip


def split(batch: list[Entry]) -> tuple[list[InputEntry], NDArray[np.void]]:
    entries = [
        InputEntry(kind=e["kind"], at=moment(e["at"]), body=e["body"], position=e["position"])
        for e in batch
        if e["kind"] != "event"
    ]
    return entries, columns(row(e) for e in batch if e["kind"] == "event")


def told(findings: list[Finding]) -> list[Found]:
    """Findings as the reference writes them; what an alert is about is looked up where it was raised."""
    origins = {f.alert: f.origin for f in findings if f.origin is not None}
    return [
        (
            f.change, f.alert, f.at, f.received_at, f.severity, origins[f.alert].rule,
            (origins[f.alert].subject_kind.word, origins[f.alert].subject),
            f.origin.cause if f.origin else None, f.event, f.parent,
        )
        for f in findings
    ]  # fmt: skip


def one_by_one(log: Log) -> list[Finding]:
    engine, findings = Engine(), list[Finding]()
    for entry in log.entries:
        findings += engine.apply(*split([entry]))
        engine.adopt()
    return findings


def replayed(entries: list[Entry]) -> Engine:
    """An engine after a restart."""
    engine = Engine()
    engine.apply(*split(entries))
    engine.adopt()
    return engine


def cut(log: Log, dice: random.Random) -> list[Finding]:
    """The log in random batches, with batches dropped and repeated, and restarts in between."""
    engine, findings, done = Engine(), list[Finding](), 0
    while done < len(log.entries):
        size = dice.choice([1, 2, 3, 5, 8, 13, 40])
        batch = log.entries[done : done + size]
        found = engine.apply(*split(batch))
        fate = dice.random()
        if fate < 0.2:
            engine.drop()
            continue
        if fate < 0.3:
            engine = replayed(log.entries[:done])
            continue
        engine.adopt()
        findings += found
        done += len(batch)
    return findings
