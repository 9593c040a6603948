"""One simulated device: its own session, its own credentials, its own count."""

import asyncio
from datetime import datetime
from typing import Literal

import aiomqtt

from devices.models import Device, heartbeat_micros
from simulators.acts import Act
from simulators.encoder import Channel, encode_batch, encode_event, encode_heartbeat, encode_status, topic
from simulators.link import Gate, Link
from simulators.publisher import Message, Publisher
from simulators.saying import boot_name, said


class DeviceSession:
    """What a device with a session of its own does; a gateway also speaks for its children.

    `boot` names this run; what is said carries its own count (`simulators.counting`).
    """

    def __init__(self, device: Device, link: Link, *, boot: str, gate: Gate | None = None) -> None:
        self._device, self._boot = device, boot
        self._beat = heartbeat_micros(device.kind, device.heartbeat)
        gone, here = self._status("offline"), self._status("online")
        will = aiomqtt.Will(gone.topic, gone.payload, gone.qos, gone.retain)
        self._gone = gone
        self._publisher = Publisher(link, will=will, greeting=(here,), gate=gate)

    async def run(self) -> None:
        """Be connected and alive until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publisher.run())
            if self._beat:
                group.create_task(self._live(self._beat / 1_000_000))

    async def connected(self) -> None:
        await self._publisher.connected.wait()

    async def say(self, act: Act, at: datetime) -> None:
        """Send what the device, or a child of this gateway, says; it is sent until it is acknowledged."""
        child = act.device != self._device.code
        event = said(act, at, boot=boot_name(self._boot, act.life), child=child)
        payload = encode_batch([event]) if child else encode_event(event)
        await self._publisher.send(Message(topic=self._topic("batch" if child else "event"), payload=payload))

    async def drained(self) -> None:
        """Return once all that was said is acknowledged."""
        await self._publisher.drained()

    async def leave(self) -> None:
        """Say what the last will would say, where a session is about to be ended as if the device had failed."""
        await self._publisher.offer(self._gone)

    async def _live(self, beat: float) -> None:
        while True:
            await self._publisher.connected.wait()
            await self._publisher.offer(Message(topic=self._topic("heartbeat"), payload=encode_heartbeat(), qos=0))
            await asyncio.sleep(beat)

    def _status(self, state: Literal["online", "offline"]) -> Message:
        return Message(topic=self._topic("status"), payload=encode_status(state), retain=True)

    def _topic(self, channel: Channel) -> str:
        return topic(self._device.site, self._device.code, channel)
