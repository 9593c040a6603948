"""All devices of a world, alive at once, doing what a scenario says when it says so."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from devices.models import Device
from simulators.device import DeviceSession
from simulators.link import Link
from simulators.scenario import Act
from simulators.world import World

log = logging.getLogger(__name__)

Key = tuple[str, str]  # site, device


class Fleet:
    """One session a device, save those behind a gateway, which speaks for them. `links` are by (site, device)."""

    def __init__(self, world: World, links: Mapping[Key, Link], *, boot: str) -> None:
        self._speakers = {(d.site, d.code): (d.site, d.gateway or d.code) for d in world.devices}
        self._sessions = {key: DeviceSession(d, links[key], boot=boot) for key, d in with_session(world)}
        self._running: dict[Key, asyncio.Task[None]] = {}

    async def run(self, acts: Iterator[Act]) -> None:
        """Connect every device, then act in real time; returns after the last act, disconnected."""
        async with asyncio.TaskGroup() as group:
            for key in self._sessions:
                self._begin(group, key)
            await asyncio.gather(*(session.connected() for session in self._sessions.values()))
            log.info("simulated devices are connected", extra={"devices": len(self._sessions)})
            await self._follow(group, acts)
            for task in self._running.values():
                task.cancel()

    async def _follow(self, group: asyncio.TaskGroup, acts: Iterator[Act]) -> None:
        began = time.monotonic()
        for act in acts:
            await asyncio.sleep(max(0.0, began + act.after.total_seconds() - time.monotonic()))
            await self._perform(group, act)

    async def _perform(self, group: asyncio.TaskGroup, act: Act) -> None:
        speaker = self._speakers[act.site, act.device]
        if act.does == "come_back":
            self._begin(group, speaker)
        elif act.does == "fall_silent":
            await self._end(speaker)
        elif speaker in self._running:  # a device that is silent says nothing
            await self._sessions[speaker].say(act, datetime.now(UTC))

    def _begin(self, group: asyncio.TaskGroup, key: Key) -> None:
        if key not in self._running:
            self._running[key] = group.create_task(self._sessions[key].run(), name="/".join(key))

    async def _end(self, key: Key) -> None:
        task = self._running.pop(key, None)
        if task is not None:
            await self._sessions[key].leave()
            task.cancel()
            await asyncio.wait({task})


def with_session(world: World) -> Iterator[tuple[Key, Device]]:
    """The devices that log in themselves."""
    for device in world.devices:
        if device.gateway is None:
            yield (device.site, device.code), device
