"""Which reports are older than what their device already told, by its own counter.

A counter that falls while the device's own time rises was set back: then time is believed. Where the device gave no
time worth the name, the counter decides alone.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alerts.table import I32, I64, Bools, Fields, Table
from devices.columns import FLAG_SKEWED, NO_BOOT, NO_SEQ, NO_TIME
from devices.types import EVENT_TYPES

# Counters are compared among reports of a state only: another report says nothing of its order in time.
_FAMILIES = {"door", "camera", "leak", "tamper", "smoke", "gas"}
_REPORTS = tuple(n for name, n in EVENT_TYPES.items() if name.partition(".")[0] in _FAMILIES)


class Lateness(Table):
    """The boot and counter that each device last told, by device id."""

    FIELDS: ClassVar[Fields] = {"boot": (np.int32, NO_BOOT), "seq": (np.int64, NO_SEQ), "at": (np.int64, NO_TIME)}
    boot: I32
    seq: I64
    at: I64

    def judge(self, events: NDArray[np.void], devices: int) -> Bools:
        """Whether each event's counter is below one of the same boot that its device told before."""
        late = np.zeros(len(events), np.bool_)
        counted = np.flatnonzero((events["seq"] != NO_SEQ) & (events["boot"] != NO_BOOT) & (events["device"] < devices))
        where = counted[np.isin(events["type"][counted], _REPORTS)]
        if len(where):
            self.ensure(devices)
            where = where[np.argsort(events["device"][where], kind="stable")]
            late[where] = self._judge(events[where])
        return late

    def _judge(self, told: NDArray[np.void]) -> Bools:
        device, boot, seq = told["device"].astype(np.intp), told["boot"], told["seq"]
        first = np.ones(len(told), np.bool_)
        first[1:] = device[1:] != device[:-1]
        self.touch(device[first])
        before_boot, before_seq = np.roll(boot, 1), np.roll(seq, 1)
        before_boot[first], before_seq[first] = self.boot[device[first]], self.seq[device[first]]
        falls = (boot == before_boot) & (seq < before_seq)
        strange = np.isin(device, device[falls])
        last = np.append(first[1:], True) & ~strange
        self.boot[device[last]], self.seq[device[last]] = boot[last], seq[last]
        self.at[device[last]] = told["effective_at"][last]
        late = np.zeros(len(told), np.bool_)
        for k in np.flatnonzero(strange):
            late[k] = self._judge_one(device[k], told[k])
        return late

    def _judge_one(self, device: np.intp, event: np.void) -> bool:
        timeless = event["at"] == NO_TIME or event["flags"] & FLAG_SKEWED
        falls = event["boot"] == self.boot[device] and event["seq"] < self.seq[device]
        if falls and (timeless or event["effective_at"] <= self.at[device]):
            return True
        self.boot[device], self.seq[device], self.at[device] = event["boot"], event["seq"], event["effective_at"]
        return False
