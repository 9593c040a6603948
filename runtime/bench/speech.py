"""What the measured devices say: each its own kind's events, in turns, counted from 1 by each device."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from devices.columns import boot_number, empty
from devices.types import EVENT_TYPES
from runtime.bench.mqtt import publish_packet
from runtime.bench.world import BUTTON, KINDS, World, site_code

_TYPES = np.array([[EVENT_TYPES[name] for name in kind.says] for kind in KINDS], np.int16)


class Speech:
    """The first `count` messages of a world that speaks in rounds: message k comes from device k modulo all."""

    def __init__(self, world: World, count: int, *, boot: str) -> None:
        self.world, self.count, self.boot = world, count, boot

    def said_by_each(self) -> NDArray[np.int64]:
        """How many messages each device said, counted from 0: its `seq` runs from 1 to this."""
        rounds, rest = divmod(self.count, self.world.devices)
        return rounds + (np.arange(self.world.devices) < rest).astype(np.int64)

    def packets(self, connections: int) -> Sequence[bytes]:
        """Every message as a ready MQTT packet, numbered for `connections` that take them in turns."""
        topics = [self.world.topic(device).encode() for device in range(self.world.devices)]
        return [self._packet(k, topics, 1 + k // connections % 65_535) for k in range(self.count)]

    def _packet(self, k: int, topics: Sequence[bytes], packet: int) -> bytes:
        device, said = k % self.world.devices, k // self.world.devices
        return publish_packet(topics[device], self.payload(device, said, time.time_ns() // 1_000_000).encode(), packet)

    def payload(self, device: int, said: int, at: int) -> str:
        """The event that a device says after `said` others; `at` is in milliseconds."""
        name = KINDS[device % len(KINDS)].says[said % 2]
        return f'{{"type":"{name}","at":{at},"boot":"{self.boot}","seq":{said + 1}}}'

    def columns(self, *, begin: int, step: int) -> NDArray[np.void]:
        """The same as decoded columns, `step` microseconds apart, positions counted from 1."""
        events, k = empty(self.count), np.arange(self.count)
        device, said = k % self.world.devices, k // self.world.devices
        events["position"] = k + 1
        events["received_at"] = events["effective_at"] = events["at"] = begin + k * step
        events["device"] = device + 1
        events["type"] = _TYPES[device % len(KINDS), said % 2]
        events["seq"], events["boot"] = said + 1, boot_number(self.boot)
        return events


def press_packet(site: int, packet: int) -> bytes:
    """The press of a site's button, with the machine's time of now."""
    topic = f"shouwang/v1/{site_code(site)}/{KINDS[BUTTON].code}/event"
    payload = f'{{"type":"sos.pressed","at":{time.time_ns() // 1_000_000},"id":"press-{site}"}}'
    return publish_packet(topic.encode(), payload.encode(), packet)
