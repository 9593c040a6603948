"""From a scenario file to what happens: live or for a recording, with the randomness of one seed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from msgspec import structs

from devices.models import heartbeat_micros
from simulators.acts import Act, Timeline
from simulators.counting import Key, heard
from simulators.daily import Living, Setting
from simulators.expected import Expected
from simulators.planted import Mode, Plot
from simulators.scenario import Scenario
from simulators.scenario_file import Expect, Override, ScenarioFile, scopes, targets
from simulators.world import World


def shaped(file: ScenarioFile, *, mode: Mode, seed: int) -> Scenario:
    """The scenario as it is played in that mode."""
    speed = file.head.live.speed if mode == "live" else 1.0
    lasts = file.head.live.lasts if mode == "live" else None
    if mode == "live" and file.head.live.heartbeat is not None:
        file = replace(file, world=beating(file.world, file.head.live.heartbeat))
    plot = _plotted(file, mode, seed)
    return Scenario(
        name=file.name,
        world=file.world,
        timelines=[*_routines(file, speed), *plot.timelines],
        overrides=_overrides(file.overrides, mode, file.world),
        stages=[*plot.stages, heard(file.world)],
        lasts=lasts or file.head.lasts / speed,
        begins=file.head.begins,
        planted=sorted(plot.planted, key=lambda planted: planted.after),
        expected=[*(alert for one in plot.planted for alert in one.raises), *_expected(file.expects, mode)],
        settle=file.head.live.settle,
    )


def beating(world: World, heartbeat: str) -> World:
    """The world with another heartbeat for every device that sends any."""
    return replace(
        world,
        devices=tuple(
            structs.replace(d, heartbeat=heartbeat) if heartbeat_micros(d.kind, d.heartbeat) else d
            for d in world.devices
        ),
    )


def _plotted(file: ScenarioFile, mode: Mode, seed: int) -> Plot:
    plot = Plot(timelines=[], stages=[], planted=[])
    children = _children(file.world)
    for number, incident in enumerate(file.incidents):
        if incident.only in {None, mode}:
            rng = Random(f"{file.name}/{seed}/incident {number}")  # noqa: S311 -- reproducible on purpose
            incident.plant(plot, targets(file.world, incident.devices), rng)
    for fault in file.faults:
        if fault.only in {None, mode}:
            fault.plant(plot, targets(file.world, fault.devices), children)
    return plot


def _children(world: World) -> dict[Key, frozenset[Key]]:
    found: dict[Key, set[Key]] = defaultdict(set)
    for device in world.devices:
        if device.gateway is not None:
            found[device.site, device.gateway].add((device.site, device.code))
    return {gateway: frozenset(children) for gateway, children in found.items()}


def _routines(file: ScenarioFile, speed: float) -> Iterator[Timeline]:
    setting = Setting.of(file.world, file.head.begins)
    for routine in file.routines:
        if isinstance(routine, Living):
            homes = [code for code in setting.homes if any(fnmatchcase(code, pattern) for pattern in routine.sites)]
            yield from (_faster(routine.timeline(code, setting), speed) for code in homes)
        else:
            devices = targets(file.world, routine.devices)
            yield from (_faster(routine.timeline(device, setting), speed) for device in devices)


def _faster(timeline: Timeline, speed: float) -> Timeline:
    if speed == 1:
        return timeline

    def faster(rng: Random) -> Iterator[Act]:
        for act in timeline(rng):
            yield replace(act, after=timedelta(milliseconds=round(act.after.total_seconds() * 1000 / speed)))

    return faster


def _overrides(rows: Sequence[Override], mode: Mode, world: World) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """By rule, a later one of the same scope in place of an earlier."""
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in rows:
        if row.only in {None, mode}:
            for scope in scopes(row.scope, world):
                found[row.rule][scope] = {"scope": scope, "set": row.set, "enabled": row.enabled}
    return {rule: list(by_scope.values()) for rule, by_scope in found.items()}


def _expected(rows: Sequence[Expect], mode: Mode) -> Iterator[Expected]:
    for row in rows:
        if row.only in {None, mode}:
            yield Expected(
                rule=row.rule,
                site=row.site,
                subject=None if row.subject is None or row.code is None else (row.subject, row.code),
                severity=(row.severity,) if isinstance(row.severity, str) else row.severity,
                after=row.after,
                tolerance=row.tolerance,
                occurrences=row.occurrences,
                cleared=row.cleared,
                may=row.may,
                known=row.known,
            )
