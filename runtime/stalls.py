"""Which parts stand still: judged from when each was last known to be well. Free of I/O; the clock is an argument."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Part = Literal["database", "broker", "ingest", "engine", "api"]
# What cannot be judged, or only follows, while another part stands still.
FOLLOWS: Mapping[Part, tuple[Part, ...]] = {
    "database": (),
    "broker": (),
    "api": (),
    "ingest": ("database",),
    "engine": ("database", "broker", "ingest"),
}
# Together with a look's own time below the 30 s of guarantee 9.
PATIENCE = timedelta(seconds=20)
REMIND = timedelta(minutes=15)


class Step(NamedTuple):
    """What is to be told of a part; `since` is when it was last well."""

    kind: Literal["stalled", "still", "ended"]
    part: Part
    since: datetime


class Stalls:
    """Every stall is told once, again every so often, and once when it ends."""

    def __init__(self, now: datetime, *, patience: timedelta = PATIENCE, remind: timedelta = REMIND) -> None:
        self._patience = patience
        self._remind = remind
        self._well_at: dict[Part, datetime] = dict.fromkeys(FOLLOWS, now)
        self._counted_from: dict[Part, datetime] = dict.fromkeys(FOLLOWS, now)
        self._failing: set[Part] = set()
        self._stalled: dict[Part, datetime] = {}
        self._told_at: dict[Part, datetime] = {}

    @property
    def stalled(self) -> list[Part]:
        return sorted(self._stalled)

    def well(self, part: Part, at: datetime) -> None:
        """Take note of the last moment at which a part is known to have been well."""
        self._failing.discard(part)
        self._well_at[part] = max(self._well_at[part], at)

    def failing(self, part: Part) -> None:
        """Take note that a part did not answer now; whatever depends on it cannot be judged."""
        self._failing.add(part)

    def judge(self, now: datetime) -> list[Step]:
        """Return what is to be told now."""
        return [step for part in FOLLOWS for step in self._judged(part, now)]

    def _judged(self, part: Part, now: datetime) -> Iterable[Step]:
        if (self._failing | self._stalled.keys()).intersection(FOLLOWS[part]):
            self._counted_from[part] = now
        since = self._well_at[part]
        lasts = now - max(since, self._counted_from[part]) >= self._patience
        if part not in self._stalled:
            if lasts:
                self._stalled[part], self._told_at[part] = since, now
                yield Step("stalled", part, since)
        elif now - since < self._patience:
            yield Step("ended", part, self._stalled.pop(part))
        elif now - self._told_at[part] >= self._remind:
            self._told_at[part] = now
            yield Step("still", part, self._stalled[part])
