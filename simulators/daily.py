"""Routines of scenario files: what goes on where nothing is wrong. Each kind is a table with `kind`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import ClassVar

import msgspec

from devices.models import Device
from simulators.acts import Act, Timeline, seconds
from simulators.living import Dwelling, living
from simulators.words import DAY, Hours, Span
from simulators.world import World

Kinds = frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a routine goes by: the local second of the day at which the scenario begins, the world by site."""

    midnight: float
    world: World
    homes: Mapping[str, Dwelling]

    @classmethod
    def of(cls, world: World, begins: datetime) -> "Setting":
        day = begins.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(midnight=(begins - day).total_seconds(), world=world, homes=Dwelling.of(world))


class Routine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """`devices` are patterns `site/device`; `apart` lies between two times; outside `hours` nothing happens."""

    devices: tuple[str, ...]
    apart: tuple[Span, Span]
    hours: tuple[Hours, ...] = ()
    start: Span = Span()

    OF: ClassVar[Kinds] = frozenset()  # kinds of devices; empty: any

    def __post_init__(self) -> None:
        if not timedelta() < self.apart[0] <= self.apart[1]:
            raise ValueError("`apart` is a shorter and a longer duration")

    def timeline(self, device: Device, setting: Setting) -> Timeline:
        def timeline(rng: Random) -> Iterator[Act]:
            for moment in self._moments(rng, setting):
                yield from self.acts(device, moment, rng)

        return timeline

    def acts(self, device: Device, moment: float, rng: Random) -> Iterator[Act]:
        """What happens at one of the moments; all of it before the next."""
        raise NotImplementedError

    def _moments(self, rng: Random, setting: Setting) -> Iterator[float]:
        shortest, longest = (span.total_seconds() for span in self.apart)
        moment = self.start.total_seconds()
        while True:
            moment += rng.uniform(shortest, longest)
            if self.hours:
                moment += self._closed(setting.midnight + moment)
            yield moment

    def _closed(self, second: float) -> float:
        """For how long none of the hours holds from there."""
        of_day = second % DAY
        if any(hours.holds(of_day) for hours in self.hours):
            return 0.0
        return min((hours.begin - of_day) % DAY for hours in self.hours)


class Moving(Routine, kw_only=True, forbid_unknown_fields=True, tag="moving"):
    """Somebody is about."""

    OF: ClassVar[Kinds] = frozenset({"motion"})

    def acts(self, device: Device, moment: float, rng: Random) -> Iterator[Act]:  # noqa: ARG002 -- as the others
        yield _say(device, moment, "motion.detected")


class Passing(Routine, kw_only=True, forbid_unknown_fields=True, tag="passing"):
    """People pass a digital guard; one in `denied` is denied, none where it is 0."""

    denied: int = 0

    OF: ClassVar[Kinds] = frozenset({"guard"})

    def acts(self, device: Device, moment: float, rng: Random) -> Iterator[Act]:
        refused = self.denied > 0 and rng.random() < 1 / self.denied
        yield _say(device, moment, "guard.denied" if refused else "guard.passed")


class _ForAWhile(Routine, kw_only=True, forbid_unknown_fields=True):
    lasts: tuple[Span, Span]

    TYPES: ClassVar[tuple[str, str]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not timedelta() <= self.lasts[0] <= self.lasts[1] < self.apart[0]:
            raise ValueError("`lasts` is a shorter and a longer duration, both shorter than `apart`")

    def acts(self, device: Device, moment: float, rng: Random) -> Iterator[Act]:
        yield _say(device, moment, self.TYPES[0])
        ends = moment + rng.uniform(self.lasts[0].total_seconds(), self.lasts[1].total_seconds())
        yield _say(device, ends, self.TYPES[1])


class Door(_ForAWhile, kw_only=True, forbid_unknown_fields=True, tag="door"):
    """A door opens and is closed again."""

    lasts: tuple[Span, Span] = (Span(seconds=2), Span(seconds=9))

    OF: ClassVar[Kinds] = frozenset({"door_sensor"})
    TYPES: ClassVar[tuple[str, str]] = ("door.opened", "door.closed")


class Resting(_ForAWhile, kw_only=True, forbid_unknown_fields=True, tag="resting"):
    """In bed for a while."""

    OF: ClassVar[Kinds] = frozenset({"bed_sensor"})
    TYPES: ClassVar[tuple[str, str]] = ("bed.entered", "bed.left")


class Measuring(Routine, kw_only=True, forbid_unknown_fields=True, tag="measuring"):
    """A vital sign is measured, evenly between the two `values`."""

    name: str = "heart_rate"
    values: tuple[float, float] = (62, 84)
    unit: str = "1/min"

    OF: ClassVar[Kinds] = frozenset({"vital"})

    def acts(self, device: Device, moment: float, rng: Random) -> Iterator[Act]:
        value = round(rng.uniform(*self.values), 1)
        data = {"name": self.name, "value": value, "unit": self.unit}
        yield _say(device, moment, "vital.measured", data=data)


class Reporting(Routine, kw_only=True, forbid_unknown_fields=True, tag="reporting"):
    """A device says that it is there and how its battery is, as those on battery do even where nothing happens."""

    battery: int = 90

    def acts(self, device: Device, moment: float, rng: Random) -> Iterator[Act]:  # noqa: ARG002 -- as the others
        yield replace(_say(device, moment, "battery.ok"), battery=self.battery)


class Living(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="living"):
    """The believable days of whoever lives alone in each of the homes: `sites` are patterns."""

    sites: tuple[str, ...]

    def timeline(self, site: str, setting: Setting) -> Timeline:
        return living(setting.homes[site], setting.midnight)


Daily = Moving | Passing | Door | Resting | Measuring | Reporting | Living


def _say(device: Device, moment: float, kind: str, **more: dict[str, object]) -> Act:
    return Act(after=seconds(moment), site=device.site, device=device.code, type=kind, data=more.get("data", {}))
