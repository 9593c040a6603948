"""How long a device may be silent before that means anything, by what it is expected to say.

One that beats is suspect after three missed beats. One that does not is judged by its power, from when it was last
heard: on mains it is asked or speaks every few minutes, on battery it may sleep for hours. A camera, gateway or guard
that is registered to send no beats tells of itself by events alone, and is never suspect.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.durations import HOUR, MINUTE
from devices.models import BEATING_KINDS, DEVICE_KINDS, POWERS

BEATS = 3
# Three of them stay below the thresholds of H-02: ten minutes on mains, 25 hours on battery.
MAINS, BATTERY = 3 * MINUTE, 8 * HOUR
# Without beats nothing is lost while we do not listen: it is granted a little time to be heard again, not all of it.
LONGEST_GRACE = 9 * MINUTE

ON_MAINS = POWERS.index("mains")
_BEATING = np.array([kind in BEATING_KINDS for kind in DEVICE_KINDS])

Micros = NDArray[np.int64]


def intervals(kinds: NDArray[np.int8], heartbeats: Micros, powers: NDArray[np.int8]) -> Micros:
    """Microseconds within which each device is expected to be heard, 0 where nothing is.

    `kinds` index DEVICE_KINDS (below 0: no device), `powers` index POWERS (below 0: not known, taken for battery).
    """
    plain = np.where(powers == ON_MAINS, MAINS, BATTERY)
    silent = (kinds < 0) | _BEATING[kinds]
    result: Micros = np.where(heartbeats > 0, heartbeats, np.where(silent, 0, plain))
    return result


def graces(intervals_: Any, heartbeats: Any) -> Micros:
    """Microseconds after a stall of ours for which a silence is not believed."""
    patience = BEATS * np.asarray(intervals_, np.int64)
    return np.where(np.asarray(heartbeats) > 0, patience, np.minimum(patience, LONGEST_GRACE))
