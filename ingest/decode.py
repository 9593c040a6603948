"""Messages to columns: one pass of plain Python over a batch, the rest vectorised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.codec import (
    Channel,
    Heartbeat,
    Rejected,
    Status,
    Undecodable,
    WireEvent,
    decode_batch,
    decode_event,
    decode_heartbeat,
    decode_status,
    detail_json,
    parse_topic,
)
from devices.columns import (
    FLAG_DELAYED,
    FLAG_RETAINED,
    FLAG_SKEWED,
    FLAG_STATELESS,
    FLAG_TEST,
    NO_BOOT,
    NO_SEQ,
    NO_TIME,
    boot_number,
    empty,
)
from devices.directory import Directory
from devices.rescue import rescued
from devices.types import EMERGENCY_IDS, EMERGENCY_TYPES, EVENT_TYPES
from ingest.clocks import DELAYED, effective_times
from ingest.delivery import Delivery
from ingest.identity import Identity, identify
from ingest.quarantine import NOT_PARENT, UNKNOWN_DEVICE, Refusal, refuse

# Stands in the type column until the database has numbered a type that is not the contract's.
UNNUMBERED = 0

_EVENTFUL = frozenset({"event", "batch"})
_EMERGENCIES = np.array(sorted(EMERGENCY_IDS), np.int16)


class Route(NamedTuple):
    """What a known device's topic says."""

    channel: Channel
    device: int
    site: str
    source: str


class StatusWord(NamedTuple):
    """A device's status as its broker tells it; `retained` is the last known state, not news."""

    device: int
    status: Status
    received_at: int
    retained: bool


class Beaten(NamedTuple):
    """A decoded heartbeat."""

    device: int
    received_at: int
    beat: Heartbeat


@dataclass(slots=True)
class Decoded:
    """What a batch of messages says. `origins[n]` is the message that event n came in."""

    events: NDArray[np.void]
    details: list[bytes]
    identities: list[Identity]
    origins: list[Delivery]
    live: NDArray[np.bool_]
    unnumbered: dict[str, list[int]]
    refusals: list[Refusal]
    statuses: list[StatusWord]
    beats: list[Beaten]
    alive: list[tuple[int, int]]

    @property
    def has_strangers(self) -> bool:
        """Whether a device was unknown: it may have been registered a moment ago."""
        return any(refusal.stranger for refusal in self.refusals)


class Decoder:
    """Knows the registry's devices and the numbers of event types; both grow while it runs."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.numbers: dict[str, int] = dict(EVENT_TYPES)
        self._routes: dict[str, Route] = {}

    def forget_routes(self) -> None:
        """Look every topic up again: the directory has changed."""
        self._routes.clear()

    def decode(self, deliveries: Sequence[Delivery], *, live: bool) -> Decoded:
        """Decode a batch; `live` says that it is no backlog. Changes nothing but caches: may be repeated."""
        rows = _Rows(self, live=live)
        for delivery in deliveries:
            rows.add(delivery)
        return rows.finish()

    def route(self, topic: str) -> Route | Refusal:
        """Return where a topic leads. A refusal has no time and payload yet."""
        route = self._routes.get(topic)
        return route if route is not None else self._find(topic)

    def _find(self, topic: str) -> Route | Refusal:
        try:
            site, code, channel = parse_topic(topic)
        except Undecodable as error:
            return Refusal(0, topic, "", error.reason, error.detail, b"")
        source = f"{site}/{code}"
        device = self.directory.id_of.get(source)
        if device is None:
            return Refusal(0, topic, source, UNKNOWN_DEVICE, "no such device at this site", b"", code)
        route = Route(channel, device, site, source)
        self._routes[topic] = route
        return route


@dataclass(slots=True)
class _Rows:
    """A batch in the making: one list per column."""

    decoder: Decoder
    live: bool
    received: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    device: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    seq: list[int] = field(default_factory=list)
    boot: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    lives: list[bool] = field(default_factory=list)
    details: list[bytes] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    origins: list[Delivery] = field(default_factory=list)
    unnumbered: dict[str, list[int]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    statuses: list[StatusWord] = field(default_factory=list)
    beats: list[Beaten] = field(default_factory=list)
    alive: list[tuple[int, int]] = field(default_factory=list)

    def add(self, delivery: Delivery) -> None:
        route = self.decoder.route(delivery.topic)
        if isinstance(route, Refusal):
            self.refusals.append(route._replace(received_at=delivery.received_at, payload=delivery.payload))
            return
        if not delivery.retain and route.channel != "status":
            self.alive.append((route.device, delivery.received_at))
        try:
            self._add_routed(delivery, route)
        except Undecodable as error:
            self.refusals.append(refuse(delivery, route.source, error.reason, error.detail))
            if route.channel in _EVENTFUL:
                self._rescue(delivery, route, delivery.payload)

    def _rescue(self, delivery: Delivery, route: Route, payload: bytes, item: int | None = None) -> None:
        """What was refused may still name an emergency: it is kept in quarantine and raises all the same."""
        event = rescued(payload)
        if event is None:
            return
        device = route.device if route.channel == "event" else self._device_of(event, delivery, route)
        if device is not None:
            self._add_event(delivery, device, event, item)

    def _add_routed(self, delivery: Delivery, route: Route) -> None:
        match route.channel:
            case "event":
                self._add_event(delivery, route.device, decode_event(delivery.payload))
            case "batch":
                self._add_batch(delivery, route)
            case "status":
                self._add_status(delivery, route)
            case "heartbeat":
                self.beats.append(Beaten(route.device, delivery.received_at, decode_heartbeat(delivery.payload)))
            case "command":
                raise Undecodable("bad_channel", "commands go to devices, not from them")

    def _add_status(self, delivery: Delivery, route: Route) -> None:
        status = decode_status(delivery.payload)
        if status is None:
            return
        self.statuses.append(StatusWord(route.device, status, delivery.received_at, delivery.retain))
        # An offline is the broker's word, sent when the device is gone: the one message that proves no life.
        if status == "online" and not delivery.retain:
            self.alive.append((route.device, delivery.received_at))

    def _add_batch(self, delivery: Delivery, route: Route) -> None:
        for n, item in enumerate(decode_batch(delivery.payload)):
            if isinstance(item, Rejected):
                refusal = refuse(delivery, route.source, item.reason, item.detail)
                self.refusals.append(refusal._replace(payload=item.payload))
                self._rescue(delivery, route, item.payload, n)
                continue
            device = self._device_of(item, delivery, route)
            if device is not None:
                self._add_event(delivery, device, item, n)

    def _device_of(self, item: WireEvent, delivery: Delivery, route: Route) -> int | None:
        """Return the device that an item of a batch speaks for: its sender, or the sender's child."""
        code = item.device
        if code is None:
            return route.device
        directory = self.decoder.directory
        child = directory.id_of.get(f"{route.site}/{code}")
        if child is None:
            refusal = refuse(delivery, route.source, UNKNOWN_DEVICE, "an item's device is not at this site")
            self.refusals.append(refusal._replace(stranger=code))
            return None
        if child != route.device and directory.gateway[child] != route.device:
            detail = "the sender is not the gateway of an item's device"
            self.refusals.append(refuse(delivery, route.source, NOT_PARENT, detail))
            return None
        if not delivery.retain:
            self.alive.append((child, delivery.received_at))
        return int(child)

    def _add_event(self, delivery: Delivery, device: int, event: WireEvent, item: int | None = None) -> None:
        kind = self.decoder.numbers.get(event.type, UNNUMBERED)
        if kind == UNNUMBERED:
            self.unnumbered.setdefault(event.type, []).append(len(self.kind))
        self.received.append(delivery.received_at)
        self.at.append(event.at)
        self.device.append(device)
        self.kind.append(kind)
        self.value.append(event.value)
        self.seq.append(event.seq)
        self.boot.append(boot_number(event.boot) if event.boot else NO_BOOT)
        self.flags.append(_flags(delivery, event))
        # What a gateway held back says nothing of its children's clocks.
        self.lives.append(self.live and item is None and not delivery.retain and not delivery.redelivered)
        self.details.append(detail_json(event))
        self.identities.append(identify(device, event, delivery.payload, item=item or 0, retained=delivery.retain))
        self.origins.append(delivery)

    def finish(self) -> Decoded:
        events = empty(len(self.at))
        events["received_at"] = self.received
        events["at"] = self.at
        events["device"] = self.device
        events["type"] = self.kind
        events["value"] = self.value
        events["seq"] = self.seq
        events["boot"] = self.boot
        events["flags"] = self.flags
        _judge_times(events)
        return Decoded(
            events=events,
            details=self.details,
            identities=self.identities,
            origins=self.origins,
            live=np.array(self.lives, np.bool_),
            unnumbered=self.unnumbered,
            refusals=self.refusals,
            statuses=self.statuses,
            beats=self.beats,
            alive=self.alive,
        )


def _flags(delivery: Delivery, event: WireEvent) -> int:
    flags = FLAG_TEST if event.test else 0
    if delivery.retain:
        flags |= FLAG_RETAINED
    if delivery.redelivered and event.at == NO_TIME and event.seq == NO_SEQ and event.type not in EMERGENCY_TYPES:
        flags |= FLAG_STATELESS
    return flags


def _judge_times(events: NDArray[np.void]) -> None:
    times = effective_times(events["at"], events["received_at"])
    events["effective_at"] = times.effective
    events["flags"] |= np.where(times.skewed, FLAG_SKEWED, 0).astype(np.int16)
    emergency = np.isin(events["type"], _EMERGENCIES)
    overdue = events["received_at"] - times.effective > DELAYED
    retained = (events["flags"] & FLAG_RETAINED) != 0
    events["flags"] |= np.where(emergency & (overdue | retained), FLAG_DELAYED, 0).astype(np.int16)
