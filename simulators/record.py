"""A scenario at once: the recording, the registry it belongs to, and what was planted in it."""

import heapq
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

from devices.models import Device, heartbeat_micros
from simulators.acts import Act
from simulators.counting import Key, speakers
from simulators.encoder import encode_batch, encode_event, encode_heartbeat, encode_status, topic
from simulators.fleet import with_session
from simulators.recording import Line, write_recording
from simulators.saying import boot_name, said
from simulators.scenario import Planted, Scenario
from simulators.world import rules_text

_Shown = Callable[[timedelta], None]
SHOW_EVERY = timedelta(minutes=10)  # of the scenario's time
_Moment = tuple[timedelta, Act | Device]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """`lines` of the recording, `events` among them, and how many incidents and faults are listed beside it."""

    lines: int
    events: int
    planted: int
    files: tuple[str, ...]


def record(scenario: Scenario, path: Path, *, seed: int, show: _Shown = lambda _: None) -> Recorded:
    """Write FILE, FILE.registry.toml, FILE.rules.toml and FILE.incidents.jsonl; OSError where one cannot be.

    The same scenario and seed give the same bytes.
    """
    beside = [path.with_name(f"{path.name}.{end}") for end in ("registry.toml", "rules.toml", "incidents.jsonl")]
    beside[0].write_text(scenario.world.registry(), "utf-8")
    beside[1].write_text(rules_text(scenario.overrides), "utf-8")
    beside[2].write_text("".join(_listed(one, scenario.begins) for one in scenario.planted), "utf-8")
    counts = _Counts()
    with ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("wb"))
        lines = write_recording(file, counts.of(lines_of(scenario, seed=seed, show=show)))
    files = tuple(str(one) for one in (path, *beside))
    return Recorded(lines=lines, events=counts.events, planted=len(scenario.planted), files=files)


def lines_of(scenario: Scenario, *, seed: int, show: _Shown = lambda _: None) -> Iterator[Line]:
    """What goes over MQTT, in order: events, beats and the words of sessions."""
    sessions, silent = dict(with_session(scenario.world)), set[Key]()
    speaks, boot = speakers(scenario.world), f"{scenario.name}-{seed}"
    yield from (_status(device, "online", scenario.begins) for device in sessions.values())
    beats, shown = _beats(scenario, sessions, seed), timedelta()
    acts: Iterator[_Moment] = ((act.after, act) for act in scenario.acts(seed))
    for after, what in heapq.merge(acts, beats, key=lambda moment: moment[0]):
        at = scenario.begins + after
        if after >= shown:
            show(after)
            shown = after + SHOW_EVERY
        if isinstance(what, Device):
            if (what.site, what.code) not in silent:
                yield Line(at=at, topic=topic(what.site, what.code, "heartbeat"), payload=encode_heartbeat())
            continue
        speaker = speaks[what.site, what.device]
        if what.does == "say":
            yield _event(what, speaker, boot, scenario.begins)
        else:
            gone = what.does == "fall_silent"
            (silent.add if gone else silent.discard)(speaker)
            yield _status(sessions[speaker], "offline" if gone else "online", at)


class _Counts:
    """How many events went by, those of batches included."""

    def __init__(self) -> None:
        self.events = 0

    def of(self, lines: Iterator[Line]) -> Iterator[Line]:
        for line in lines:
            self.events += line.topic.endswith(("/event", "/batch"))
            yield line


def _event(act: Act, speaker: Key, boot: str, begins: datetime) -> Line:
    told = begins + (act.after if act.told is None else act.told)
    child = act.device != speaker[1]
    event = said(act, told, boot=boot_name(boot, act.life), child=child)
    payload = encode_batch([event]) if child else encode_event(event)
    return Line(at=begins + act.after, topic=topic(*speaker, "batch" if child else "event"), payload=payload)


def _status(device: Device, state: Any, at: datetime) -> Line:
    return Line(at=at, topic=topic(device.site, device.code, "status"), payload=encode_status(state))


def _beats(scenario: Scenario, sessions: dict[Key, Device], seed: int) -> Iterator[_Moment]:
    """Every beat of every device up to the end, each device with a phase of its own."""
    rng = Random(f"{scenario.name}/{seed}/beats")  # noqa: S311 -- reproducible on purpose
    waiting: list[tuple[timedelta, int, timedelta, Device]] = []
    for number, device in enumerate(sessions.values()):
        micros = heartbeat_micros(device.kind, device.heartbeat)
        if micros:
            beat = timedelta(microseconds=micros)
            waiting.append(
                (timedelta(milliseconds=round(rng.random() * beat.total_seconds() * 1000)), number, beat, device)
            )
    heapq.heapify(waiting)
    while waiting and (scenario.lasts is None or waiting[0][0] <= scenario.lasts):
        after, number, beat, device = waiting[0]
        heapq.heapreplace(waiting, (after + beat, number, beat, device))
        yield after, device


def _listed(one: Planted, begins: datetime) -> str:
    document = {
        "what": one.what,
        "kind": one.kind,
        "at": (begins + one.after).isoformat(timespec="milliseconds"),
        "until": (begins + one.after + one.lasts).isoformat(timespec="milliseconds"),
        "site": one.site,
        "device": one.device,
        "alerts": [alert.document(begins) for alert in one.raises],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"
