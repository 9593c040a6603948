"""The made-up district that is measured: sites of ten devices, as many as are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from store.head import InputEntry

Document = dict[str, Any]

BEAT_MICROS = 60_000_000
INSTITUTION_EVERY = 50
STREETS = 20
# Where it is about ten in the morning now: at night every opening of the doors would be an alert. Etc/GMT-8 is UTC+8.
ZONE = f"Etc/GMT{-((22 - datetime.now(UTC).hour) % 24 - 12):+d}"
PLACES = (
    ("door-1", "door", "entrance"),
    ("door-2", "door", "exit"),
    ("room-1", "room", "room"),
    ("bed-1", "bed", None),
)
# As many documents as the importer puts into one entry of the log: 125 sites of 16.
ENTRY_SITES = 125


class Kind(NamedTuple):
    """One of a site's devices: where it stands, and what it says in turns."""

    code: str
    kind: str
    place: int  # of PLACES, counted from 1; 0: none
    power: str
    beats: bool
    says: tuple[str, str]


KINDS = (
    Kind("gw-1", "gateway", 0, "mains", True, ("battery.ok", "battery.ok")),
    Kind("cam-1", "camera", 1, "mains", True, ("camera.online", "camera.online")),
    Kind("mag-1", "door_sensor", 1, "battery", False, ("door.opened", "door.closed")),
    Kind("mag-2", "door_sensor", 2, "battery", False, ("door.opened", "door.closed")),
    Kind("pir-1", "motion", 3, "battery", False, ("motion.detected", "motion.detected")),
    Kind("pir-2", "motion", 0, "battery", False, ("motion.detected", "motion.detected")),
    Kind("mat-1", "bed_sensor", 4, "mains", False, ("bed.entered", "bed.left")),
    Kind("sos-1", "sos_button", 0, "battery", False, ("battery.ok", "battery.ok")),
    Kind("smk-1", "smoke", 0, "battery", False, ("battery.ok", "battery.ok")),
    Kind("leak-1", "leak", 3, "battery", False, ("leak.cleared", "leak.cleared")),
)
BUTTON = next(n for n, kind in enumerate(KINDS) if kind.kind == "sos_button")


@dataclass(frozen=True, slots=True)
class World:
    """`devices` of them, a multiple of ten; the database's ids count from 1 in this order."""

    devices: int

    @property
    def sites(self) -> int:
        return self.devices // len(KINDS)

    def topic(self, device: int) -> str:
        """Where a device, counted from 0, publishes its events."""
        site, n = divmod(device, len(KINDS))
        return f"shouwang/v1/{site_code(site)}/{KINDS[n].code}/event"

    def slices(self) -> Iterator[dict[str, list[Document]]]:
        """The registry as the log tells it, a slice of the sites at a time, by table."""
        for first in range(0, self.sites, ENTRY_SITES):
            numbers = range(first, min(first + ENTRY_SITES, self.sites))
            yield {
                "site": [_site(n) for n in numbers],
                "place": [place for n in numbers for place in _places(n)],
                "resident": [_resident(n) for n in numbers],
                "device": [device for n in numbers for device in _devices(n)],
            }

    def entries(self) -> Iterator[InputEntry]:
        """The same as entries of the log, not yet placed."""
        for upsert in self.slices():
            body = {"by": "bench", "upsert": upsert, "remove": {}}
            yield InputEntry(kind="registry", at=datetime.now(UTC), body=body)


def site_code(site: int) -> str:
    return f"b-{site}"


def site_of(device: int) -> int:
    return device // len(KINDS)


def _site(n: int) -> Document:
    kind = "institution" if n % INSTITUTION_EVERY == INSTITUTION_EVERY - 1 else "home"
    street = f"street-{n % STREETS}"
    return {"id": n + 1, "code": site_code(n), "kind": kind, "street": street, "timezone": ZONE}


def _places(n: int) -> Iterator[Document]:
    for k, (code, kind, role) in enumerate(PLACES, 1):
        place = {"id": n * len(PLACES) + k, "site": n + 1, "code": code, "kind": kind, "role": role}
        yield place | {"sealed": False, "open_hours": None}


def _resident(n: int) -> Document:
    resident = {"id": n + 1, "site": n + 1, "code": f"{site_code(n)}-r", "bed": n * len(PLACES) + len(PLACES)}
    return resident | {"flags": [], "presence": "home"}


def _devices(n: int) -> Iterator[Document]:
    for k, kind in enumerate(KINDS):
        yield {
            "id": n * len(KINDS) + k + 1,
            "site": n + 1,
            "code": kind.code,
            "kind": kind.kind,
            "place": n * len(PLACES) + kind.place if kind.place else None,
            "resident": n + 1 if k == BUTTON else None,
            "gateway": None,
            "power": kind.power,
            "heartbeat": BEAT_MICROS if kind.beats else None,
        }
