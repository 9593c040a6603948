"""Who is alive: last_seen, hourly counts of beats, and the changes that become entries of the log."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.codec import Heartbeat
from devices.silence import BEATS
from ingest.decode import Beaten, StatusWord
from ingest.standing import Stall

SECOND = 1_000_000
HOUR = 3600 * SECOND
NEVER = 0
NO_READING = -32_768

State = Literal["suspect", "offline", "heard"]

UNKNOWN, OK, SUSPECT, OFFLINE = range(4)
LIVENESS = ("unknown", "ok", "suspect", "offline")
STATE_CODES: dict[State, int] = {"heard": OK, "suspect": SUSPECT, "offline": OFFLINE}

_DTYPE = np.dtype(
    [
        ("interval", "i8"),  # microseconds within which it should be heard, 0 where nothing is expected
        ("grace", "i8"),  # for how long after a stall its silence is not believed
        ("last_seen", "i8"),
        ("counted_from", "i8"),  # the end of a stall that explains the silence before it
        ("changed_at", "i8"),  # since when the device is what `liveness` says
        ("liveness", "i1"),
        ("status", "i1"),  # 0 none, 1 online, 2 offline
        ("battery", "i2"),
        ("rssi", "i2"),
        ("dirty", "?"),
    ]
)
STATUSES = (None, "online", "offline")
_FIRST_ROWS = 1024


class Change(NamedTuple):
    """One device's step, with the moment since when it holds (microseconds)."""

    device: int
    state: State
    since: int


class Liveness:
    """One row a device, by its number in the registry. Free of I/O; the clock is an argument."""

    def __init__(self) -> None:
        self.rows: NDArray[np.void] = self._empty(_FIRST_ROWS)
        self.beats: dict[int, dict[int, int]] = {}

    @staticmethod
    def _empty(size: int) -> NDArray[np.void]:
        rows = np.zeros(size, _DTYPE)
        rows["battery"] = rows["rssi"] = NO_READING
        return rows

    def watch(self, intervals: NDArray[np.int64], graces: NDArray[np.int64] | None = None) -> None:
        """Take over how often each device should be heard; index is the device's number, 0 where it need not.

        `graces`: how long after a stall its silence is not believed; three intervals where none are given.
        """
        self._grow(len(intervals))
        for column, values in (("interval", intervals), ("grace", BEATS * intervals if graces is None else graces)):
            self.rows[column] = 0
            self.rows[column][: len(intervals)] = values

    def forget(self, devices: Sequence[int]) -> None:
        """Know nothing of removed devices: should they come back, they are silent only after they were heard."""
        gone = np.array(devices, np.intp)
        self._grow(int(gone.max(initial=0)) + 1)
        self.rows[gone] = self._empty(1)

    def _grow(self, size: int) -> None:
        if size > len(self.rows):
            rows = self._empty(max(size, 2 * len(self.rows)))
            rows[: len(self.rows)] = self.rows
            self.rows = rows

    def restore(self, device: int, *, last_seen: int, liveness: int, status: int) -> None:
        """Take up one device's stored state; what holds since when was not stored, so last_seen stands for it."""
        self._grow(device + 1)
        row = self.rows[device]
        row["last_seen"] = row["changed_at"] = last_seen
        row["liveness"], row["status"] = liveness, status

    def take_unsaved(self) -> tuple[NDArray[np.intp], dict[int, dict[int, int]]]:
        """Return the devices that something changed of, and the beats by hour and device, both since the last time."""
        ids = np.flatnonzero(self.rows["dirty"])
        self.rows["dirty"] = False
        beats, self.beats = self.beats, {}
        return ids, beats

    def put_back_unsaved(self, ids: NDArray[np.intp], beats: dict[int, dict[int, int]]) -> None:
        """Undo a taking that could not be written."""
        self.rows["dirty"][ids] = True
        for hour, counts in beats.items():
            kept = self.beats.setdefault(hour, {})
            for device, count in counts.items():
                kept[device] = kept.get(device, 0) + count

    def touch(self, alive: Sequence[tuple[int, int]]) -> None:
        """Note signs of life: device and when received."""
        if not alive:
            return
        pairs = np.array(alive, np.int64)
        self._grow(int(pairs[:, 0].max()) + 1)
        np.maximum.at(self.rows["last_seen"], pairs[:, 0], pairs[:, 1])
        self.rows["dirty"][pairs[:, 0]] = True

    def beat(self, beats: Sequence[Beaten]) -> None:
        """Note heartbeats: life, a count for the hour, and what they say of battery and radio."""
        self.touch([(beat.device, beat.received_at) for beat in beats])
        for device, received_at, said in beats:
            hour = self.beats.setdefault(received_at // HOUR * HOUR, {})
            hour[device] = hour.get(device, 0) + 1
            self._read(device, said)

    def _read(self, device: int, said: Heartbeat) -> None:
        for name, value in (("battery", said.battery), ("rssi", said.rssi)):
            if value is not None:
                self.rows[name][device] = round(min(max(value, -32_000.0), 32_000.0))

    def changes(self, now: int, statuses: Iterable[StatusWord], *, scan: bool) -> list[Change]:
        """Return the steps up to `now`; nothing changes until they are adopted.

        `scan`: look for silence and for new life, which is right only while nothing else explains a silence.
        """
        found = {status.device: Change(status.device, "offline", status.received_at) for status in self._gone(statuses)}
        if scan:
            for change in [*self._silent(now), *self._heard()]:
                found.setdefault(change.device, change)
        return list(found.values())

    def _gone(self, statuses: Iterable[StatusWord]) -> Iterable[StatusWord]:
        for word in statuses:
            self._grow(word.device + 1)
            row = self.rows[word.device]
            known = word.retained and STATUSES[row["status"]] == word.status
            if word.status == "offline" and row["liveness"] != OFFLINE and not known:
                yield word

    def _silent(self, now: int) -> list[Change]:
        rows = self.rows
        counted = np.maximum(rows["last_seen"], rows["counted_from"])
        watched = (rows["interval"] > 0) & (rows["last_seen"] != NEVER) & (rows["liveness"] <= OK)
        silent = np.flatnonzero(watched & (now - counted > BEATS * rows["interval"]))
        return [Change(int(device), "suspect", int(counted[device])) for device in silent]

    def _heard(self) -> list[Change]:
        rows = self.rows
        back = np.flatnonzero((rows["liveness"] >= SUSPECT) & (rows["last_seen"] > rows["changed_at"]))
        return [Change(int(device), "heard", int(rows["last_seen"][device])) for device in back]

    def adopt(self, changes: Iterable[Change], statuses: Iterable[StatusWord]) -> None:
        """Take over what is committed."""
        for change in changes:
            row = self.rows[change.device]
            row["liveness"] = STATE_CODES[change.state]
            row["changed_at"] = change.since
            row["dirty"] = True
        for word in statuses:
            self._grow(word.device + 1)
            self.rows[word.device]["status"] = STATUSES.index(word.status)
            self.rows[word.device]["dirty"] = True

    def stalled(self, stall: Stall, *, unsaved: int = 0) -> None:
        """Believe a silence that the stall itself explains only a grace after the stall; long ones do not start anew.

        `unsaved`: how much younger than its stored last_seen a device may have been (microseconds, after a start).
        """
        rows = self.rows
        patience = BEATS * rows["interval"]
        explained = rows["last_seen"] + patience + unsaved >= stall.begin
        counted = np.maximum(rows["counted_from"], stall.end + rows["grace"] - patience)
        rows["counted_from"] = np.where(explained, counted, rows["counted_from"])
