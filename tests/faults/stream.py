"""A known stream: events with identities at a steady rate, and which of them the broker has acknowledged."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from ingest.address import BrokerAddress
from runtime.running import find
from runtime.settings import Settings
from tests.stack import Device
from tests.waiting import until

# How often the stream is written to; so many messages go out at once.
STEP = 0.02
# How many messages may wait for their acknowledgement before no more are said: a slow machine gets what it can take.
BEHIND = 5000
# A door that closes again does so after this; one that is left open does after the other.
SHUT_AFTER, LEFT_OPEN = timedelta(seconds=0.4), timedelta(seconds=30)


@dataclass
class Ledger:
    """What was said, by number, and whether its acknowledgement came."""

    counts: list[mqtt.MQTTMessageInfo] = field(default_factory=list)
    presses: dict[str, list[mqtt.MQTTMessageInfo]] = field(default_factory=dict)
    doors: list[mqtt.MQTTMessageInfo] = field(default_factory=list)
    opened: list[tuple[str, datetime, datetime]] = field(default_factory=list)  # where, from when, until when
    seconds: float = 0.0

    @property
    def said(self) -> int:
        return len(self.counts) + len(self.doors) + sum(len(presses) for presses in self.presses.values())

    def unacknowledged(self) -> int:
        """How many wait for their PUBACK. What paho could not send at once it sends later, whatever `rc` says."""
        told = [*self.counts, *self.doors, *(info for presses in self.presses.values() for info in presses)]
        return sum(not info._published for info in told)


def running(data: Path) -> Any:
    """Where the parts of a stack on this directory are, with their credentials."""
    found = find(Settings(data=data))
    assert found is not None, "the stack has said where its parts are"
    return found


def publisher(data: Path, name: str) -> Device:
    """A session that may speak for every device, and comes back by itself within two seconds."""
    address = BrokerAddress.parse(running(data).publisher_url)
    session = Device(address.port, address.username or "", address.password or "", client_id=name)
    session.client.reconnect_delay_set(1, 2)
    return session


class Stream:
    """Speaks for the homes `sites`: counts at `rate` messages a second, and beside them five doors and presses each.

    The few that alerts come of have a session of their own: a queue in front of the broker is no fault of what is
    behind it, and the closing of a door must not wait there for longer than its rule does.
    """

    def __init__(self, data: Path, sites: Sequence[str], *, rate: int) -> None:
        self.ledger = Ledger(presses={site: [] for site in sites})
        self._sites, self._rate = sites, rate
        self._load, self._few = publisher(data, "stream-load"), publisher(data, "stream-few")
        self._ends: list[tuple[datetime, datetime, str]] = []  # when a door closes, since when it is open, where
        self._busy: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def flows(self) -> bool:
        return self._thread.is_alive()

    @contextmanager
    def flowing(self) -> Iterator["Stream"]:
        """The stream flows within the block; after it every door is shut and every message acknowledged."""
        self._thread.start()
        began = time.monotonic()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()
            self.ledger.seconds = time.monotonic() - began
        self._shut_doors(datetime.max.replace(tzinfo=UTC))
        try:
            until("every acknowledgement", lambda: not self.ledger.unacknowledged(), 120)
        finally:
            self._load.close()
            self._few.close()

    def _run(self) -> None:
        began, rounds = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + rounds * STEP - time.monotonic())):
            rounds += 1
            for _ in range(round(self._rate * STEP) if self._is_taken() else 0):
                self._count()
            if rounds % 10 == 0:
                self._press(rounds // 10)
                self._open(rounds // 10)
            self._shut_doors(datetime.now(UTC))

    def _is_taken(self) -> bool:
        """Whether the broker has acknowledged what was counted `BEHIND` messages ago: it is not run over."""
        return len(self.ledger.counts) < BEHIND or self.ledger.counts[-BEHIND]._published

    def _count(self) -> None:
        n = len(self.ledger.counts)
        told = {"type": "test.count", "id": f"c{n}", "value": n}
        self.ledger.counts.append(self._say(self._load, self._sites[n % len(self._sites)], "mat-1", told))

    def _press(self, n: int) -> None:
        site = self._sites[n % len(self._sites)]
        told = {"type": "sos.pressed", "id": f"p{n}"}
        self.ledger.presses[site].append(self._say(self._few, site, "sos-1", told))

    def _open(self, n: int) -> None:
        """Every fifth door that opens is left open."""
        site = self._sites[n * 7 % len(self._sites)]
        if site in self._busy:
            return
        now = datetime.now(UTC).replace(microsecond=0)
        stays = n % 5 == 0
        self._busy.add(site)
        self._door(site, "door.opened", now)
        self._ends.append((now + (LEFT_OPEN if stays else SHUT_AFTER), now, site))

    def _shut_doors(self, now: datetime) -> None:
        for end in [end for end in self._ends if end[0] <= now]:
            self._ends.remove(end)
            moment, opened, site = end
            shut = min(moment, datetime.now(UTC))
            self._busy.discard(site)
            self._door(site, "door.closed", shut)
            self.ledger.opened.append((site, opened, shut))

    def _door(self, site: str, what: str, at: datetime) -> None:
        told = {"type": what, "at": at.isoformat(), "id": f"d{len(self.ledger.doors)}"}
        self.ledger.doors.append(self._say(self._few, site, "mag-1", told))

    @staticmethod
    def _say(session: Device, site: str, device: str, told: dict[str, Any]) -> mqtt.MQTTMessageInfo:
        return session.publish(told, topic=f"shouwang/v1/{site}/{device}/event")


def wait(stream: Stream, seconds: float) -> None:
    """Let the stream flow on for a while."""
    began = time.monotonic()
    until("the stream flows on", lambda: stream.flows() and time.monotonic() - began >= seconds, seconds + 60)
