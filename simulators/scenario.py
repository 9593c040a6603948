"""A scenario: a world, the thresholds it wants, and what happens in it, moment by moment."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from typing import Any, Literal

from simulators.acts import Act, Stage, Timeline
from simulators.counting import counted
from simulators.expected import Expected
from simulators.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """Something that a scenario does on purpose, told beside a recording."""

    what: Literal["incident", "fault"]
    kind: str
    after: timedelta
    lasts: timedelta
    site: str
    device: str
    raises: tuple[Expected, ...] = ()


BEGINS = datetime(2026, 11, 22, 16, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """`overrides` are by rule, as the API takes them. Each timeline is in order and may never end.

    `stages` change what the timelines say on its way, in order: faults. `lasts` None goes on for ever.
    """

    name: str
    world: World
    timelines: Sequence[Timeline]
    overrides: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    stages: Sequence[Stage] = ()
    lasts: timedelta | None = None
    begins: datetime = BEGINS
    planted: Sequence[Planted] = ()
    expected: Sequence[Expected] = ()
    settle: timedelta = timedelta(seconds=3)

    def acts(self, seed: int) -> Iterator[Act]:
        """All that happens, in order: the same for the same seed.

        Each timeline has a randomness of its own, so that one more of them leaves the others as they are.
        """
        told = (timeline(self._random(seed, k)) for k, timeline in enumerate(self.timelines))
        acts: Iterator[Act] = heapq.merge(*told, key=lambda act: act.after)
        if self.lasts is not None:
            end = self.lasts
            acts = takewhile(lambda act: act.after <= end, acts)
        for k, stage in enumerate((counted(self.world), *self.stages)):
            acts = stage(acts, self._random(seed, f"stage {k}"))
        return acts

    def _random(self, seed: int, part: object) -> Random:
        return Random(f"{self.name}/{seed}/{part}")  # noqa: S311 -- reproducible on purpose
