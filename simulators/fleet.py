"""All devices of a world, alive at once, doing what a scenario says when it says so."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime

from devices.models import Device
from simulators.acts import Act
from simulators.device import DeviceSession
from simulators.link import Link
from simulators.world import World

log = logging.getLogger(__name__)

# All at once, a busy broker answers none of them in time, and all of them try again.
CONNECTING_AT_ONCE = 16

Key = tuple[str, str]  # site, device
Afterwards = Callable[[datetime], Awaitable[None]]


class Fleet:
    """One session a device, save those behind a gateway, which speaks for them. `links` are by (site, device)."""

    def __init__(self, world: World, links: Mapping[Key, Link], *, boot: str) -> None:
        self._speakers = {(d.site, d.code): (d.site, d.gateway or d.code) for d in world.devices}
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._sessions = {key: DeviceSession(d, links[key], boot=boot, gate=gate) for key, d in with_session(world)}
        self._running: dict[Key, asyncio.Task[None]] = {}

    async def run(self, acts: Iterator[Act], afterwards: Afterwards | None = None) -> None:
        """Connect every device, then act in real time; returns after the last act, disconnected.

        Before that, while they are still alive, all that was said is acknowledged and `afterwards` has ended.
        """
        async with asyncio.TaskGroup() as group:
            for key in self._sessions:
                self._begin(group, key)
            await asyncio.gather(*(session.connected() for session in self._sessions.values()))
            log.info("simulated devices are connected", extra={"devices": len(self._sessions)})
            began = datetime.now(UTC)
            await self._follow(group, acts, began)
            await asyncio.gather(*(self._sessions[key].drained() for key in self._running))
            if afterwards is not None:
                await afterwards(began)
            for task in self._running.values():
                task.cancel()

    async def _follow(self, group: asyncio.TaskGroup, acts: Iterator[Act], began: datetime) -> None:
        start = time.monotonic()
        for act in acts:
            wait = start + act.after.total_seconds() - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._perform(group, act, began)

    async def _perform(self, group: asyncio.TaskGroup, act: Act, began: datetime) -> None:
        speaker = self._speakers[act.site, act.device]
        if act.does == "come_back":
            self._begin(group, speaker)
        elif act.does == "fall_silent":
            await self._end(speaker)
        elif speaker in self._running:  # a device that is silent says nothing
            at = began + (act.after if act.told is None else act.told)
            await self._sessions[speaker].say(act, at)

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
