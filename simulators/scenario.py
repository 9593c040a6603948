"""A scenario: a world, the thresholds it wants, and what happens in it, moment by moment."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Literal

from simulators.world import World

Doing = Literal["say", "fall_silent", "come_back"]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Act:
    """What one device does, `after` the scenario began. `type` and `value` are of the event that it says."""

    after: timedelta
    site: str
    device: str
    does: Doing = "say"
    type: str = ""
    value: float | None = None
    unit: str | None = None


Timeline = Callable[[Random], Iterator[Act]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """`overrides` are by rule, as the API takes them. Each timeline is in order and may never end."""

    name: str
    world: World
    timelines: Sequence[Timeline]
    overrides: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def acts(self, seed: int) -> Iterator[Act]:
        """All that happens, in order: the same for the same seed.

        Each timeline has a randomness of its own, so that one more of them leaves the others as they are.
        """
        told = (timeline(Random(f"{self.name}/{seed}/{k}")) for k, timeline in enumerate(self.timelines))  # noqa: S311 -- reproducible on purpose
        return heapq.merge(*told, key=lambda act: act.after)


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
