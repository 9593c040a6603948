"""Two clocks: what rules take as the time of an event (design, section 4)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.columns import NO_TIME

SECOND = 1_000_000
OLDEST = 7 * 24 * 3600 * SECOND
AHEAD = 60 * SECOND
DELAYED = 60 * SECOND
LAG = 300 * SECOND
LAGGING_EVENTS = 5

Micros = NDArray[np.int64]


class Times(NamedTuple):
    """The effective time of each event, and whether its device's clock was not believed."""

    effective: Micros
    skewed: NDArray[np.bool_]


def effective_times(at: Micros, received: Micros) -> Times:
    """Device time within 7 days before and 60 s after receipt, never later than receipt; else receipt, skewed."""
    given = at != NO_TIME
    # Compared without subtracting from `at`, which may be the smallest integer there is.
    believed = given & (at >= received - OLDEST) & (at <= received + AHEAD)
    return Times(np.where(believed, np.minimum(at, received), received), given & ~believed)


class LagWatch:
    """Devices whose last five live events all lagged by more than 5 minutes: their clock is not believed."""

    def __init__(self) -> None:
        self._streak: dict[int, int] = {}

    def load(self, devices: list[int]) -> None:
        """Take up which devices were known to be skewed before a restart."""
        self._streak = dict.fromkeys(devices, LAGGING_EVENTS)

    def skewed_devices(self) -> list[int]:
        return [device for device, streak in self._streak.items() if streak >= LAGGING_EVENTS]

    def observe(self, devices: NDArray[np.int32], at: Micros, received: Micros, live: NDArray[np.bool_]) -> "Lagging":
        """Judge a batch in order; nothing is remembered until the result is adopted.

        `live` leaves out what was retained, redelivered or part of a backlog: its lag says nothing of a clock.
        """
        counted = live & (at != NO_TIME)
        late = counted & (at < received - LAG)
        mask = np.zeros(len(at), np.bool_)
        changed: dict[int, int] = {}
        if not self._streak and not late.any():
            return Lagging(mask, changed)
        concerned = np.union1d(devices[late], np.fromiter(self._streak, np.int32))
        for n in np.flatnonzero(counted & np.isin(devices, concerned)):
            device = int(devices[n])
            streak = min(changed.get(device, self._streak.get(device, 0)) + 1, LAGGING_EVENTS) if late[n] else 0
            changed[device] = streak
            mask[n] = streak >= LAGGING_EVENTS
        return Lagging(mask, changed)

    def adopt(self, lagging: "Lagging") -> None:
        for device, streak in lagging.streaks.items():
            if streak:
                self._streak[device] = streak
            else:
                self._streak.pop(device, None)


class Lagging(NamedTuple):
    """Which events come from a device found lagging, and the streaks to remember once they are committed."""

    skewed: NDArray[np.bool_]
    streaks: dict[int, int]
