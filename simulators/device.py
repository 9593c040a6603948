"""One simulated device: its own session, its own credentials, its own count."""

import asyncio
from datetime import datetime
from typing import Literal

import aiomqtt

from devices.models import Device, heartbeat_micros
from simulators.encoder import Channel, Said, encode_batch, encode_event, encode_heartbeat, encode_status, topic
from simulators.link import Link
from simulators.publisher import Message, Publisher
from simulators.scenario import Act


class DeviceSession:
    """What a device with a session of its own does; a gateway also speaks for its children.

    `boot` names this life of it: `seq` starts at 1 with it.
    """

    def __init__(self, device: Device, link: Link, *, boot: str) -> None:
        self._device, self._boot = device, boot
        self._seq: dict[str, int] = {}
        self._beat = heartbeat_micros(device.kind, device.heartbeat)
        gone, here = self._status("offline"), self._status("online")
        will = aiomqtt.Will(gone.topic, gone.payload, gone.qos, gone.retain)
        self._gone = gone
        self._publisher = Publisher(link, will=will, greeting=(here,))

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
        said = self._said(act, at)
        if act.device == self._device.code:
            await self._publisher.send(Message(topic=self._topic("event"), payload=encode_event(said)))
        else:
            await self._publisher.send(Message(topic=self._topic("batch"), payload=encode_batch([said])))

    async def leave(self) -> None:
        """Say what the last will would say, where a session is about to be ended as if the device had failed."""
        await self._publisher.offer(self._gone)

    async def _live(self, beat: float) -> None:
        while True:
            await self._publisher.connected.wait()
            await self._publisher.offer(Message(topic=self._topic("heartbeat"), payload=encode_heartbeat(), qos=0))
            await asyncio.sleep(beat)

    def _said(self, act: Act, at: datetime) -> Said:
        self._seq[act.device] = self._seq.get(act.device, 0) + 1
        child = act.device if act.device != self._device.code else None
        return Said(
            type=act.type,
            at=at,
            seq=self._seq[act.device],
            boot=self._boot,
            value=act.value,
            unit=act.unit,
            device=child,
        )

    def _status(self, state: Literal["online", "offline"]) -> Message:
        return Message(topic=self._topic("status"), payload=encode_status(state), retain=True)

    def _topic(self, channel: Channel) -> str:
        return topic(self._device.site, self._device.code, channel)
