"""Homes and institutions by the dozen, and what stands in them. All names are codes: nobody real is meant."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from devices.models import Contact, Device, DeviceKind, Place, PlaceRole, Resident, Site
from simulators.world import World

Fitting = Literal[
    "gateway",
    "door_sensor",
    "motion",
    "bathroom_motion",
    "bed_sensor",
    "sos_button",
    "fall",
    "smoke",
    "gas",
    "leak",
    "water_meter",
    "vital",
]

# code, kind, place (none: the resident's), power
_FITTINGS: dict[Fitting, tuple[str, DeviceKind, str | None, Literal["mains", "battery"]]] = {
    "gateway": ("gw-1", "gateway", None, "mains"),
    "door_sensor": ("mag-1", "door_sensor", "door-1", "battery"),
    "motion": ("pir-1", "motion", "living-1", "battery"),
    "bathroom_motion": ("pir-2", "motion", "bath-1", "battery"),
    "bed_sensor": ("mat-1", "bed_sensor", "bed-1", "battery"),
    "sos_button": ("sos-1", "sos_button", None, "battery"),
    "fall": ("fall-1", "fall", None, "battery"),
    "smoke": ("smk-1", "smoke", "living-1", "battery"),
    "gas": ("gas-1", "gas", "living-1", "mains"),
    "leak": ("leak-1", "leak", "bath-1", "battery"),
    "water_meter": ("wat-1", "water_meter", "bath-1", "battery"),
    "vital": ("vit-1", "vital", None, "battery"),
}
_DOORS: tuple[tuple[str, PlaceRole], ...] = (("main", "entrance"), ("garden", "exit"), ("fire", "fire_exit"))
_STREETS = ("示范一街道",)


class Dwellings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`code` holds `{n}`, the number of each, from 1; `streets` are taken in turn."""

    code: str
    count: int = 1
    streets: tuple[str, ...] = _STREETS
    heartbeat: str | None = None
    timezone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if "{n}" not in self.code:
            raise ValueError("`code` needs {n} in it, the number of each")
        if not 1 <= self.count <= 100_000:  # noqa: PLR2004 -- a number that one process can bear
            raise ValueError("`count` lies between 1 and 100000")
        if not self.streets:
            raise ValueError("`streets` names at least one")

    def street(self, number: int) -> str:
        return self.streets[(number - 1) % len(self.streets)]


class Homes(Dwellings, kw_only=True, forbid_unknown_fields=True):
    """Flats of somebody who lives alone. With a gateway, all other devices are behind it."""

    devices: tuple[Fitting, ...] = ("gateway", "door_sensor", "motion", "bed_sensor", "sos_button")
    flags: tuple[str, ...] = ("lives_alone",)

    def worlds(self) -> Iterator[World]:
        for number in range(1, self.count + 1):
            yield self._world(self.code.replace("{n}", str(number)), number)

    def _world(self, code: str, number: int) -> World:
        person = f"{code}-r"
        return World(
            sites=(
                Site(
                    code=code, kind="home", name=f"家庭 {code}", street=self.street(number), timezone=self.timezone,
                    address=f"示范路 {number} 号（虚构）",
                ),
            ),
            places=(
                Place(site=code, code="door-1", kind="door", role="entrance"),
                Place(site=code, code="living-1", kind="room", role="room"),
                Place(site=code, code="bath-1", kind="room", role="bathroom"),
                Place(site=code, code="bed-1", kind="bed"),
            ),
            residents=(Resident(code=person, site=code, bed="bed-1", name=f"老人 {person}", flags=self.flags),),
            devices=tuple(self._device(code, person, fitting) for fitting in self.devices),
            contacts=(Contact(id=f"{person}-1", resident=person, name=f"家属 {person}", relation="女儿"),),
        )  # fmt: skip

    def _device(self, site: str, person: str, fitting: Fitting) -> Device:
        code, kind, place, power = _FITTINGS[fitting]
        gateway = kind == "gateway"
        return Device(
            site=site,
            code=code,
            kind=kind,
            place=place,
            resident=person if place is None and not gateway else None,
            gateway="gw-1" if "gateway" in self.devices and not gateway else None,
            power=power,
            heartbeat=self.heartbeat if gateway else None,
        )


class Institutions(Dwellings, kw_only=True, forbid_unknown_fields=True):
    """`doors` (one to three each) and `cameras` (none to three) are of all of them together, spread evenly.

    Each has one digital guard and one gateway; its residents have a button each, behind the gateway.
    """

    doors: int
    cameras: int
    residents: int = 0
    open_hours: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.count <= self.doors <= len(_DOORS) * self.count:
            raise ValueError(f"`doors` is of all together, one to {len(_DOORS)} for each")
        if not 0 <= self.cameras <= len(_DOORS) * self.count:
            raise ValueError(f"`cameras` is of all together, none to {len(_DOORS)} for each")

    def worlds(self) -> Iterator[World]:
        for number in range(1, self.count + 1):
            yield self._world(self.code.replace("{n}", str(number)), number)

    def _world(self, code: str, number: int) -> World:
        doors = _DOORS[: _share(self.doors, self.count, number)]
        cameras = _share(self.cameras, self.count, number)
        people = [f"{code}-r{k}" for k in range(1, self.residents + 1)]
        return World(
            sites=(
                Site(
                    code=code, kind="institution", name=f"养老院 {code}", street=self.street(number),
                    timezone=self.timezone, address=f"示范路 {number}00 号（虚构）",
                ),
            ),
            places=(
                *(
                    Place(site=code, code=f"door-{door}", kind="door", role=role, open_hours=self.open_hours)
                    for door, role in doors
                ),
                *(Place(site=code, code=f"bed-{k}", kind="bed") for k, _ in enumerate(people, start=1)),
            ),
            residents=tuple(
                Resident(code=person, site=code, bed=f"bed-{k}", name=f"老人 {person}")
                for k, person in enumerate(people, start=1)
            ),
            devices=(
                Device(site=code, code="gw-1", kind="gateway", power="mains", heartbeat=self.heartbeat),
                Device(
                    site=code, code="guard-1", kind="guard", place="door-main", power="mains", heartbeat=self.heartbeat
                ),
                *(
                    Device(site=code, code=f"mag-{door}", kind="door_sensor", place=f"door-{door}", gateway="gw-1",
                           power="battery")
                    for door, _ in doors
                ),
                *(
                    Device(site=code, code=f"cam-{k}", kind="camera", place=f"door-{doors[(k - 1) % len(doors)][0]}",
                           power="mains", heartbeat=self.heartbeat)
                    for k in range(1, cameras + 1)
                ),
                *(
                    Device(site=code, code=f"sos-{k}", kind="sos_button", resident=person, gateway="gw-1",
                           power="battery")
                    for k, person in enumerate(people, start=1)
                ),
            ),
        )  # fmt: skip


def _share(total: int, count: int, number: int) -> int:
    """How many of `total` the dwelling with that number gets; the first ones get what is left over."""
    return total // count + (1 if number <= total % count else 0)
