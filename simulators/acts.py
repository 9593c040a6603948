"""What devices do, moment by moment."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Literal

Doing = Literal["say", "fall_silent", "come_back", "restart", "tell_again"]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Act:
    """What one device does, `after` the scenario began. `type` and `value` are of the event that it says.

    `told` is what its own clock says, where that differs; `life` and `seq` are counted by `simulators.counting`.
    `restart` is a `come_back` with a new life, `tell_again` one in which a gateway re-sends its children's states.
    """

    after: timedelta
    site: str
    device: str
    does: Doing = "say"
    type: str = ""
    value: float | None = None
    unit: str | None = None
    battery: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict, compare=False)
    told: timedelta | None = None
    life: int = 0
    seq: int = 0


Timeline = Callable[[Random], Iterator[Act]]
Stage = Callable[[Iterator[Act], Random], Iterator[Act]]


def seconds(count: float) -> timedelta:
    return timedelta(milliseconds=round(count * 1000))


def every(rng: Random, shortest: float, longest: float, *, start: float = 0.0) -> Iterator[float]:
    """Moments in seconds, apart by something between `shortest` and `longest`, for ever."""
    moment = start
    while True:
        moment += rng.uniform(shortest, longest)
        yield moment


def told(*acts: Act) -> Timeline:
    """A timeline that happens in the same way whatever the seed."""
    ordered = sorted(acts, key=lambda act: act.after)
    return lambda _rng: iter(ordered)
