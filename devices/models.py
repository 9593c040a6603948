"""The registry's words as values: keys and meanings as in registry files and over the API."""

import re
from typing import Any, Literal, get_args

import msgspec

from devices.durations import parse_duration

SiteKind = Literal["home", "institution"]
PlaceKind = Literal["door", "room", "bed"]
PlaceRole = Literal["entrance", "exit", "fire_exit", "bathroom", "room"]
Presence = Literal["home", "away", "hospital"]
DeviceKind = Literal[
    "door_sensor",
    "motion",
    "bed_sensor",
    "sos_button",
    "fall",
    "smoke",
    "gas",
    "leak",
    "water_meter",
    "vital",
    "camera",
    "gateway",
    "guard",
]
Power = Literal["mains", "battery"]
Language = Literal["zh", "en"]

# The order is the number of a kind in arrays; add at the end.
DEVICE_KINDS: tuple[str, ...] = get_args(DeviceKind)
POWERS: tuple[str, ...] = get_args(Power)

CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
FLAG = re.compile(r"[a-z][a-z0-9_]{0,63}")

DEFAULT_TIMEZONE = "Asia/Shanghai"
DEFAULT_HEARTBEAT = "60s"  # three missed make "offline" in GB/T 28181 practice; gateways and guards beat alike
BEATING_KINDS: frozenset[str] = frozenset({"camera", "gateway", "guard"})


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the registry."""


class Site(Model, frozen=True, kw_only=True):
    code: str
    kind: SiteKind
    name: str = ""
    street: str = ""
    community: str = ""
    provider: str = ""
    address: str = ""
    timezone: str = DEFAULT_TIMEZONE


class Place(Model, frozen=True, kw_only=True):
    """`open_hours` are windows of local time such as `06:00-22:00`, which may cross midnight; None: no schedule."""

    site: str
    code: str
    kind: PlaceKind
    role: PlaceRole | None = None
    sealed: bool = False
    open_hours: tuple[str, ...] | None = None


class Care(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What helpers at the door must know of a resident."""

    conditions: str | tuple[str, ...] = ""
    medication_notes: str = ""
    key_notes: str = ""
    entry_notes: str = ""


class Resident(Model, frozen=True, kw_only=True):
    """`bed` is the code of a place of the same site."""

    code: str
    site: str
    bed: str | None = None
    name: str = ""
    flags: tuple[str, ...] = ()
    presence: Presence = "home"
    care: Care = Care()


class Device(Model, frozen=True, kw_only=True):
    """Stands at a place or with a resident, not both; `gateway` is a device of the same site.

    `heartbeat` is the duration between its beats: None takes the kind's default, `0s` says that it sends none.
    """

    site: str
    code: str
    kind: DeviceKind
    make: str = ""
    place: str | None = None
    resident: str | None = None
    gateway: str | None = None
    power: Power | None = None
    heartbeat: str | None = None


class Contact(Model, frozen=True, kw_only=True):
    """Who is called for a resident, in the order of `order`."""

    id: str
    resident: str
    name: str = ""
    relation: str = ""
    order: int = 1
    phone: str = ""
    channels: tuple[str, ...] = ()
    language: Language = "zh"


def heartbeat_micros(kind: str, heartbeat: str | None) -> int | None:
    """Return the microseconds between a device's beats, or None where none are expected."""
    if heartbeat is None:
        heartbeat = DEFAULT_HEARTBEAT if kind in BEATING_KINDS else "0s"
    return parse_duration(heartbeat) or None


def as_document(row: Model) -> dict[str, Any]:
    """Return the row as JSON-ready values, every key present."""
    document: dict[str, Any] = msgspec.to_builtins(row)
    return document
