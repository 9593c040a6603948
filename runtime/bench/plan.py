"""What is measured, how much of it, and in which order."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from runtime.bench.command import command_line, command_rate
from runtime.bench.engine import (
    bytes_line,
    bytes_per_device,
    columns_line,
    columns_rate,
    tick,
    tick_line,
    watched,
)
from runtime.bench.ingest import ingest_line, ingest_rate, storage_line
from runtime.bench.mqtt import HungUp
from runtime.bench.press import overloaded_line, press_line, press_to_feed
from runtime.bench.report import Report
from runtime.bench.stack import Stack, running_stack
from runtime.bench.start import start_line, started
from runtime.bench.world import World

SUBJECTS = ("ingest", "press", "tick", "backtest", "memory", "start")
# The figure that the object names is this one's; the other is what `up` does by default.
HEADLINE, DEFAULT = "1s", "always"

Told = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How much is measured. `loads` are background messages a second, `ticks` numbers of devices."""

    devices: int
    messages: int
    syncs: tuple[str, ...]
    loads: tuple[int, ...]
    presses: int
    press_seconds: float
    ticks: tuple[int, ...]
    columns: int
    recording: int
    start_devices: int


FULL = Sizes(
    devices=10_000,
    messages=200_000,
    syncs=(HEADLINE, DEFAULT),
    loads=(0, 500, 2_000, 5_000),
    presses=200,
    press_seconds=15.0,
    ticks=(10_000, 100_000, 1_000_000),
    columns=1_000_000,
    recording=200_000,
    start_devices=1_000_000,
)
# Shows that everything works; says nothing of what the machine reaches.
QUICK = Sizes(
    devices=1_000,
    messages=3_000,
    syncs=(HEADLINE,),
    loads=(0, 500),
    presses=20,
    press_seconds=1.0,
    ticks=(10_000,),
    columns=50_000,
    recording=5_000,
    start_devices=1_000,
)


class Bench:
    """One run over the chosen subjects. Raises `StartError` where a part cannot be had, `Lost` for a missing row."""

    def __init__(self, sizes: Sizes, only: Collection[str], told: Told) -> None:
        self._sizes, self._only, self._told = sizes, only, told
        self.report = Report()

    async def run(self) -> None:
        """Measure what is in memory first: it wants the machine for itself."""
        if {"tick", "memory"} & set(self._only):
            self._in_memory()
        if "backtest" in self._only:
            await self._backtest()
        if {"ingest", "press", "start"} & set(self._only):
            await self._on_parts()

    def _in_memory(self) -> None:
        report, ticks = self.report, {}
        for devices in self._sizes.ticks:
            self._told(f"tick over {devices:,} devices")
            subject = watched(World(devices))
            ticked = tick(subject)
            if "tick" in self._only:
                ticks[str(devices)] = round(ticked.deadlines, 3)
                report.lines.append(tick_line(ticked, subject))
        if "tick" in self._only:
            report.tick_ms = ticks
        if "memory" in self._only:
            taken = bytes_per_device(subject)
            report.bytes_per_device = round(taken.total, 1)
            report.lines.append(bytes_line(taken, subject))

    async def _backtest(self) -> None:
        world, report = World(self._sizes.devices), self.report
        self._told("backtest from columns")
        subject = watched(world)
        columns = columns_rate(subject, self._sizes.columns)
        report.lines.append(columns_line(columns, self._sizes.columns, subject))
        self._told("backtest as a command")
        done = await command_rate(world, self._sizes.recording)
        report.lines.append(command_line(done))
        report.backtest_events_per_s = {"columns": round(columns), "command": round(done.per_s)}

    async def _on_parts(self) -> None:
        sizes, world = self._sizes, World(self._sizes.devices)
        if {"ingest", "press"} & set(self._only):
            for sync in sizes.syncs:
                self._told(f"starting the parts, sync_interval {sync}")
                async with running_stack(world, sync_interval=sync) as stack:
                    await self._measure(stack, world)
                    if sizes.start_devices == world.devices:
                        await self._start(stack, world)
        if "start" in self._only and self.report.start_s is None:
            world = World(sizes.start_devices)
            self._told(f"starting with {world.devices:,} devices")
            async with running_stack(world, sync_interval=HEADLINE) as stack:
                await self._start(stack, world)

    async def _measure(self, stack: Stack, world: World) -> None:
        # Presses first: the tables are as they are on a first day, whatever was measured before.
        if "press" in self._only:
            await self._press(stack, world)
        if "ingest" in self._only:
            self._told(f"durable ingest, sync_interval {stack.sync_interval}")
            rate = await ingest_rate(stack, world, self._sizes.messages)
            self.report.lines.append(ingest_line(rate, stack, world))
            if stack.sync_interval == HEADLINE:
                self.report.ingest_per_s = round(rate.per_s)
                self.report.lines.append(storage_line(rate))

    async def _press(self, stack: Stack, world: World) -> None:
        sizes, found = self._sizes, dict[str, dict[str, float] | None]()
        for n, load in enumerate(sizes.loads):
            self._told(f"press to feed at {load:,} messages/s, sync_interval {stack.sync_interval}")
            sites = range(n * sizes.presses, (n + 1) * sizes.presses)
            try:
                pressed = await press_to_feed(stack, world, load, sites=sites, seconds=sizes.press_seconds)
            except HungUp as error:
                found[str(load)] = None
                self.report.lines.append(overloaded_line(load, str(error), stack))
            else:
                found[str(load)] = pressed.document()
                self.report.lines.append(press_line(pressed, stack, world))
        if stack.sync_interval == HEADLINE:
            self.report.press_to_feed_ms = found

    async def _start(self, stack: Stack, world: World) -> None:
        if "start" in self._only:
            began = await started(stack)
            self.report.start_s = round(began.watching, 2)
            self.report.lines.append(start_line(began, world))


def load_now() -> tuple[float, float, float]:
    return os.getloadavg()
