"""Events as one numpy structured array: what ingest writes and the engine reads."""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NO_TIME = int(np.iinfo(np.int64).min)
NO_SEQ = -1
NO_BOOT = 0

# Times are microseconds since the epoch, UTC. `at` is NO_TIME, `value` NaN, `seq` NO_SEQ and
# `boot` NO_BOOT where the device gave none. `device` is the registry's id, `type` a number of `types`.
EVENT_DTYPE = np.dtype(
    [
        ("position", "i8"),
        ("received_at", "i8"),
        ("at", "i8"),
        ("effective_at", "i8"),
        ("device", "i4"),
        ("type", "i2"),
        ("value", "f8"),
        ("seq", "i8"),
        ("boot", "i4"),
        ("flags", "i2"),
    ]
)

FLAG_SKEWED = 1
FLAG_DELAYED = 2
FLAG_TEST = 4
FLAG_RETAINED = 8
FLAG_STATELESS = 16  # a redelivered state event with neither at nor seq: stored, changes no state

# What a person is told, in the contract's order; the other flags steer the engine only.
_SHOWN = ((FLAG_DELAYED, "delayed"), (FLAG_SKEWED, "skewed"), (FLAG_TEST, "test"))


def empty(n: int) -> NDArray[np.void]:
    """Return `n` events in which nothing is given yet: times, value, seq and boot say "none"."""
    events = np.zeros(n, EVENT_DTYPE)
    events["at"] = NO_TIME
    events["value"] = np.nan
    events["seq"] = NO_SEQ
    return events


def flag_names(flags: int) -> list[str]:
    """Return the flags that are shown with events and alerts."""
    return [name for bit, name in _SHOWN if flags & bit]


@lru_cache(maxsize=65_536)
def boot_number(boot: str) -> int:
    """Return a signed 32-bit number that stands for a boot's text in the columns; never NO_BOOT."""
    digest = hashlib.blake2b(boot.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True) or 1
