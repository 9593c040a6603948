"""The rule engine by itself, in memory: a tick, a backtest's events from decoded columns, bytes a device."""

import gc
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.catalogue import load_catalogue
from alerts.engine import Engine
from alerts.table import Table
from devices.columns import empty
from devices.directory import Directory
from ingest.liveness import Liveness
from runtime.bench.report import Line, number
from runtime.bench.speech import Speech
from runtime.bench.world import World
from store.head import InputEntry

SECOND = 1_000_000
TICKS = 15
STRETCH = 10_000  # events between two watermarks: the clock moves on once in each
# A district speaks of itself all day: a door or bed changes many times an hour somewhere.
EVENT_MICROS = 20_000


class Watched(NamedTuple):
    """An engine, and beside it what ingest keeps of the same devices; `begin` is the moment of its registry."""

    world: World
    engine: Engine
    liveness: Liveness
    directory: Directory
    begin: int


def watched(world: World) -> Watched:
    """Everything that watching a world takes, built from its log as ingest builds it."""
    engine, directory, liveness = Engine(), Directory(), Liveness()
    begin = datetime.now(UTC)
    for position, entry in enumerate(chain(_rules(begin), world.entries()), 1):
        placed = InputEntry(kind=entry.kind, at=begin, body=entry.body, position=position)
        engine.apply([placed], empty(0))
        engine.adopt()
        if entry.kind == "registry":
            directory.apply(entry.body)
    liveness.watch(directory.interval, directory.grace)
    return Watched(world, engine, liveness, directory, round(begin.timestamp() * SECOND))


def _rules(at: datetime) -> Iterable[InputEntry]:
    """Every rule of the catalogue, as its first version."""
    for rule in load_catalogue().values():
        body = {"rule": rule.code, "version": 1, "definition": rule.document, "overrides": []}
        yield InputEntry(kind="rules", at=at, body=body)


class Tick(NamedTuple):
    """Milliseconds of CPU time, medians: the engine's comparison of deadlines, and ingest's look for silent devices."""

    deadlines: float
    silence: float


def tick(subject: Watched) -> Tick:
    """Advance the clock over all rules and devices, with every door open and nothing due."""
    now = _doors_opened(subject)
    device = np.arange(1, subject.world.devices + 1)
    subject.liveness.touch(np.column_stack([device, np.full(len(device), now)]).tolist())
    deadlines, silence = [], []
    for n in range(TICKS):
        began = time.process_time()
        subject.engine.advance(now + n * SECOND // 4)
        ticked = time.process_time()
        subject.liveness.changes(now + n * SECOND // 4, (), scan=True)
        deadlines.append(ticked - began)
        silence.append(time.process_time() - ticked)
    return Tick(median(deadlines) * 1000, median(silence) * 1000)


def _doors_opened(subject: Watched) -> int:
    """Let every device say one thing, so that conditions last and deadlines stand; the moment of the last."""
    events = Speech(subject.world, subject.world.devices, boot="tick").columns(begin=subject.begin, step=0)
    events["position"] += subject.engine.position
    for first in range(0, len(events), STRETCH):
        subject.engine.apply([], events[first : first + STRETCH])
        subject.engine.adopt()
    return subject.begin


def columns_rate(subject: Watched, count: int) -> float:
    """Events a second through the engine on one core: stretches of decoded columns, a watermark after each."""
    engine = subject.engine
    events = Speech(subject.world, count, boot="columns").columns(begin=subject.begin, step=EVENT_MICROS)
    events["position"] += engine.position
    began = time.process_time()
    for first in range(0, count, STRETCH):
        part = events[first : first + STRETCH]
        engine.apply([], part)
        engine.advance(int(part["received_at"][-1]))
        engine.adopt()
    return count / (time.process_time() - began)


class Bytes(NamedTuple):
    """Bytes a device: the engine's columns, ingest's rows of last signs of life, names and columns of the directory."""

    engine: float
    liveness: float
    directory: float

    @property
    def total(self) -> float:
        return self.engine + self.liveness + self.directory


def bytes_per_device(subject: Watched) -> Bytes:
    """Count the arrays as they are allocated, spare room included, and Python's dict of names."""
    devices = subject.world.devices
    directory = subject.directory
    arrays: list[NDArray[np.generic]] = [
        directory.site,
        directory.kind,
        directory.gateway,
        directory.power,
        directory.heartbeat,
    ]
    names = sys.getsizeof(directory.id_of) + sum(sys.getsizeof(name) for name in directory.id_of)
    # Ids of devices are integers of their own.
    names += sum(sys.getsizeof(number) for number in directory.id_of.values())
    return Bytes(
        sum(table.nbytes + table.saved.nbytes for table in _tables(subject.engine)) / devices,
        subject.liveness.rows.nbytes / devices,
        (names + sum(array.nbytes for array in arrays)) / devices,
    )


def _tables(engine: Engine) -> list[Table]:
    """Every table of an engine, those inside its watches included: all write into its one journal."""
    journal = engine.view.journal
    return [thing for thing in gc.get_objects() if isinstance(thing, Table) and thing.journal is journal]


def tick_line(ticked: Tick, subject: Watched) -> Line:
    return Line(
        name=f"tick over {subject.world.devices:,} devices",
        figure=f"{ticked.deadlines:.2f} ms",
        measured=f"median of {TICKS} advances of the clock with every door open and nothing due; CPU time",
        parts=f"rule engine in memory, {len(subject.engine.watches)} rules (all of the catalogue)",
        note=f"beside it, ingest's look for silent devices, once a second: {ticked.silence:.1f} ms",
    )


def columns_line(rate: float, count: int, subject: Watched) -> Line:
    return Line(
        name="backtest, columns",
        figure=f"{number(rate)} events/s a core",
        measured=f"{count:,} decoded events of {subject.world.devices:,} devices, a watermark each {STRETCH:,};"
        " CPU time",
        parts=f"rule engine in memory, {len(subject.engine.watches)} rules (all of the catalogue)",
    )


def bytes_line(taken: Bytes, subject: Watched) -> Line:
    return Line(
        name="memory",
        figure=f"{taken.total:,.0f} bytes a device",
        measured=f"engine {taken.engine:,.0f}, liveness {taken.liveness:,.0f}, directory {taken.directory:,.0f};"
        f" arrays as allocated at {subject.world.devices:,} devices, and the dict of names",
        parts=f"rule engine with {len(subject.engine.watches)} rules, ingest's liveness and directory, in memory",
        note="ten devices, four places and one resident a site",
    )
