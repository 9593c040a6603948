"""What scenario files plant on purpose: incidents, which alerts answer, and faults, which should raise little or none.

Each kind is a table with `kind`; `at` and `lasts` are since the scenario began.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import ClassVar, Literal

import msgspec

from devices.models import Device
from simulators import faults
from simulators.acts import Act, Stage, Timeline, seconds
from simulators.counting import Key
from simulators.daily import Kinds
from simulators.expected import Expected
from simulators.faults import Window
from simulators.scenario import Planted
from simulators.words import Span

Severity = Literal["P1", "P2", "P3", "P4"]
Subject = Literal["site", "place", "resident", "device"]
Mode = Literal["live", "record"]

_OPPOSITE = {"door.opened": "door.closed", "door.closed": "door.opened", "bed.entered": "bed.left",
             "bed.left": "bed.entered"}  # fmt: skip


class Raises(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An alert that something planted raises; `after` is since it began, the subject is its device's."""

    rule: str
    severity: Severity | tuple[Severity, ...] = ()
    after: Span | None = None
    tolerance: Span = Span(seconds=5)
    subject: Subject | None = None
    occurrences: int = 1
    cleared: bool | None = None
    may: bool = False
    known: bool = False

    def expected(self, device: Device, began: timedelta) -> Expected:
        """For one device, from when its incident or fault begins."""
        return Expected(
            rule=self.rule,
            site=device.site,
            subject=None if self.subject is None else (self.subject, self._code(device)),
            severity=(self.severity,) if isinstance(self.severity, str) else self.severity,
            after=None if self.after is None else began + self.after,
            tolerance=self.tolerance,
            occurrences=self.occurrences,
            cleared=self.cleared,
            may=self.may,
            known=self.known,
        )

    def _code(self, device: Device) -> str:
        codes = {"site": device.site, "place": device.place, "resident": device.resident, "device": device.code}
        return codes[self.subject or "device"] or ""


@dataclass(kw_only=True, slots=True)
class Plot:
    """What the planting of a file adds to its scenario."""

    timelines: list[Timeline]
    stages: list[Stage]
    planted: list[Planted]


class _Planted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    devices: tuple[str, ...]
    at: Span
    lasts: Span = Span()
    raises: tuple[Raises, ...] = ()
    only: Mode | None = None

    OF: ClassVar[Kinds] = frozenset()  # kinds of devices; empty: any
    NEEDS_LASTS: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.NEEDS_LASTS and not self.lasts:
            raise ValueError("`lasts` is needed")

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

    def note(self, what: Literal["incident", "fault"], device: Device, at: timedelta) -> Planted:
        return Planted(
            what=what,
            kind=self.kind,
            after=at,
            lasts=self.lasts,
            site=device.site,
            device=device.code,
            raises=tuple(alert.expected(device, at) for alert in self.raises),
        )


class _Incident(_Planted, kw_only=True, forbid_unknown_fields=True):
    """`spread`: each device begins at a moment of its own within it."""

    spread: Span = Span()

    def plant(self, plot: Plot, targets: Sequence[Device], rng: Random) -> None:
        for device in targets:
            at = self.at + seconds(rng.random() * self.spread.total_seconds())
            acts = sorted(self.acts(device, at), key=lambda act: act.after)
            plot.timelines.append(_certain(acts))
            plot.planted.append(self.note("incident", device, at))

    def acts(self, device: Device, at: timedelta) -> Iterator[Act]:
        raise NotImplementedError


class Press(_Incident, kw_only=True, forbid_unknown_fields=True, tag="press"):
    """An emergency button is pressed `times` times."""

    times: int = 1
    apart: Span = Span(seconds=3)

    OF: ClassVar[Kinds] = frozenset({"sos_button"})

    def acts(self, device: Device, at: timedelta) -> Iterator[Act]:
        for k in range(self.times):
            yield Act(after=at + k * self.apart, site=device.site, device=device.code, type="sos.pressed")


class LeftOpen(_Incident, kw_only=True, forbid_unknown_fields=True, tag="left_open"):
    """A door stays open for as long as it `lasts`."""

    OF: ClassVar[Kinds] = frozenset({"door_sensor"})
    NEEDS_LASTS: ClassVar[bool] = True

    def acts(self, device: Device, at: timedelta) -> Iterator[Act]:
        yield Act(after=at, site=device.site, device=device.code, type="door.opened")
        yield Act(after=at + self.lasts, site=device.site, device=device.code, type="door.closed")


class Outage(_Incident, kw_only=True, forbid_unknown_fields=True, tag="outage"):
    """A device that should be heard is not, for as long as it `lasts`."""

    NEEDS_LASTS: ClassVar[bool] = True

    def acts(self, device: Device, at: timedelta) -> Iterator[Act]:
        yield Act(after=at, site=device.site, device=device.code, does="fall_silent")
        yield Act(after=at + self.lasts, site=device.site, device=device.code, does="come_back")


class Report(_Incident, kw_only=True, forbid_unknown_fields=True, tag="report"):
    """A device says `type`, and `ends` when it is over."""

    type: str
    ends: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.ends) != bool(self.lasts):
            raise ValueError("`ends` and `lasts` belong together")

    def acts(self, device: Device, at: timedelta) -> Iterator[Act]:
        yield Act(after=at, site=device.site, device=device.code, type=self.type)
        if self.ends:
            yield Act(after=at + self.lasts, site=device.site, device=device.code, type=self.ends)


Incident = Press | LeftOpen | Outage | Report


class _Fault(_Planted, kw_only=True, forbid_unknown_fields=True):
    def plant(self, plot: Plot, targets: Sequence[Device], children: Mapping[Key, frozenset[Key]]) -> None:
        keys = frozenset((d.site, d.code) for d in targets)
        both = keys.union(*(children.get(key, frozenset()) for key in keys))
        window = Window(devices=keys, begin=self.at, end=self.at + self.lasts)
        self.build(plot, window, Window(devices=both, begin=window.begin, end=window.end))
        plot.planted.extend(self.note("fault", device, self.at) for device in targets)

    def build(self, plot: Plot, window: Window, whole: Window) -> None:
        """Add what the fault does; `whole` holds the children of the window's gateways too."""
        raise NotImplementedError


class _Lasting(_Fault, kw_only=True, forbid_unknown_fields=True):
    NEEDS_LASTS: ClassVar[bool] = True


class Drop(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="drop"):
    """Events are lost on the way, each with this chance."""

    chance: float = 0.5

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.stages.append(faults.drop(whole, chance=self.chance))


class Duplicate(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="duplicate"):
    """Events come twice, the second one within `by`."""

    chance: float = 1.0
    by: Span = Span(seconds=2)

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.stages.append(faults.duplicate(whole, chance=self.chance, by=self.by))


class Reorder(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="reorder"):
    """The events of each `by` come after it, the last one first."""

    by: Span = Span(seconds=2)

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.stages.append(faults.reorder(whole, by=self.by))


class Delay(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="delay"):
    """Events come later by something between the two of `by`."""

    by: tuple[Span, Span]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by[0] > self.by[1]:
            raise ValueError("`by` is a shorter and a longer duration")

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.stages.append(faults.delay(whole, by=self.by))


class ClockSkew(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="clock_skew"):
    """The device's clock is `ahead` or `behind`."""

    ahead: Span = Span()
    behind: Span = Span()

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.ahead) == bool(self.behind):
            raise ValueError("one of `ahead` and `behind` is needed")

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.stages.append(faults.clock_skew(whole, by=self.ahead - self.behind))


class Offline(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="offline"):
    """The device is away. What it says meanwhile is lost, or comes when it is back where it `keeps` it."""

    keeps: bool = False

    def build(self, plot: Plot, window: Window, whole: Window) -> None:
        plot.timelines.append(faults.silence(window, does="come_back"))
        if self.keeps:
            plot.stages.append(faults.kept(whole))


class Restart(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="restart"):
    """The device starts again: away for as long as it `lasts`, then with a new `boot` and `seq` from 1."""

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.timelines.append(faults.silence(window, does="restart"))


class HubRestart(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="hub_restart"):
    """A gateway starts again and sends the state that it remembers of every child, as if it were news."""

    OF: ClassVar[Kinds] = frozenset({"gateway"})

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.timelines.append(faults.silence(window, does="tell_again"))


class Burst(_Fault, kw_only=True, forbid_unknown_fields=True, tag="burst"):
    """The device says `type` `times` times, `apart` from each other: the same state again and again."""

    type: str
    times: int = 100
    apart: Span = Span(milliseconds=10)

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.timelines.append(faults.saying(window, (self.type,), times=self.times, apart=self.apart))


class Chatter(_Fault, kw_only=True, forbid_unknown_fields=True, tag="chatter"):
    """A contact bounces: `type` and its opposite in turn, `times` pairs, each word `apart` from the last."""

    type: str = "door.opened"
    times: int = 20
    apart: Span = Span(milliseconds=200)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.type not in _OPPOSITE:
            raise ValueError(f"`type` is one of {', '.join(sorted(_OPPOSITE))}")

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        words = (self.type, _OPPOSITE[self.type])
        plot.timelines.append(faults.saying(window, words, times=2 * self.times, apart=self.apart))


class Stuck(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="stuck"):
    """The sensor reports what it reported last before, whatever happens to it."""

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.stages.append(faults.stuck(window))


class WeakBattery(_Lasting, kw_only=True, forbid_unknown_fields=True, tag="weak_battery"):
    """The device tells a low battery, loses some of its events, and gets a new battery at the end."""

    chance: float = 0.3
    battery: int = 8

    def build(self, plot: Plot, window: Window, whole: Window) -> None:  # noqa: ARG002 -- as the others
        plot.timelines.append(faults.battery_words(window))
        plot.stages.append(faults.weak_battery(window, chance=self.chance, battery=self.battery))


Fault = (
    Drop | Duplicate | Reorder | Delay | ClockSkew | Offline | Restart | HubRestart | Burst | Chatter | Stuck
    | WeakBattery
)  # fmt: skip


def _certain(acts: list[Act]) -> Callable[[Random], Iterator[Act]]:
    return lambda _rng: iter(acts)
