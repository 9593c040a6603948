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
from tests.reference import Found, Reference

Entry = dict[str, Any]

START = micros(at("21:30"))
OVERRIDES: tuple[tuple[str, list[dict[str, Any]]], ...] = (
    ("D-03", []),
    ("D-03", [{"scope": "*", "id": 0, "set": {"after": "3min", "night.after": "1min"}}]),
    ("D-03", [{"scope": "place:h1/door-1", "id": 1, "set": {"severity": "P2"}, "enabled": True}]),
    ("D-03", [{"scope": "site:h1", "id": 1, "enabled": False}, {"scope": "place:h1/door-2", "id": 2, "enabled": True}]),
    ("D-03", [{"scope": "*", "id": 0, "set": {"night.between": ["22:00", "05:00"], "night.severity": "P1"}}]),
    ("H-04", []),
    ("H-04", [{"scope": "device:h1/cam-1", "id": CAMERA, "set": {"after": "2min", "severity": "P2"}}]),
)
DEVICES = {d["id"]: d for d in HOME["device"]}
EVENTS = (
    (DOOR, "door.opened"), (DOOR, "door.closed"), (SECOND_DOOR, "door.opened"), (SECOND_DOOR, "door.closed"),
    (SOS, "sos.pressed"), (CAMERA, "camera.offline"), (CAMERA, "camera.online"), (CAMERA, "camera.disabled"),
    (DOOR, "battery.low"),
)  # fmt: skip

KINDS = ("event",) * 8 + ("watermark",) * 4 + ("closing", "closing", "rules", "registry", "device", "device", "stall")
WAITS = (0, 0, 1, 3, 5, 10, 47, 200, 740)  # minutes until it
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
        entries.append({"kind": "rules", "position": position, "at": START, "body": rules_entry(rule)})
    entries.append({"kind": "registry", "position": 4, "at": START, "body": {"upsert": HOME, "remove": {}}})
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
    if kind == "closing":
        found = reference.open_alerts()
        if not found:
            return None
        s = found[choice % len(found)]
        body = {"alert": s.alert, "rule": s.rule, "subject_kind": s.kind, "subject": s.id, "severity": s.severity}
    elif kind == "rules":
        rule, overrides = OVERRIDES[choice % len(OVERRIDES)]
        body = rules_entry(rule, choice + 2, overrides)
    elif kind == "registry":
        device = [DOOR, SECOND_DOOR, CAMERA][choice % 3]
        there = device in reference.registry["device"]
        body = {"remove": {"device": [device]}} if there else {"upsert": {"device": [DEVICES[device]]}}
    elif kind == "device":
        state = ["suspect", "offline", "heard"][choice % 3]
        body = {"device": CAMERA, "state": state, "since": now - 3 * MINUTE}
    elif kind == "stall":
        body = {"from": now - 30 * MINUTE, "to": now}
    return {"kind": kind, "at": now, "body": body}


def an_event(choice: int, now: int, lag: int, sort: str) -> Entry:
    device, what = EVENTS[choice % len(EVENTS)]
    timed = sort == "timed" or (sort == "counted" and choice % 2 == 0)
    entry: Entry = {
        "kind": "event", "device": device, "type": what, "received": now, "timed": timed,
        "effective": now - lag if timed else now, "stateless": sort == "stateless",
    }  # fmt: skip
    if sort == "counted":
        entry |= {"boot": f"b{choice % 7 // 4}", "seq": choice % 50}
    return entry


def row(entry: Entry) -> Entry:
    """An event as the engine's columns have it."""
    flags = FLAG_STATELESS if entry["stateless"] else 0
    return {
        "position": entry["position"], "received_at": entry["received"], "effective_at": entry["effective"],
        "at": entry["effective"] if entry["timed"] else NO_TIME, "device": entry["device"],
        "type": EVENT_TYPES[entry["type"]], "seq": entry.get("seq", NO_SEQ),
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
            f.origin.cause if f.origin else None, f.event,
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
