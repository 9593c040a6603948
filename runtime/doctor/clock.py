"""The clocks: this machine's against the database's, both against one that never jumps, and who keeps them right."""

import ctypes
import sys

from runtime.doctor.patient import Patient, Reading, read_clocks
from runtime.doctor.report import Checked

# Seconds. Effective times allow 60 s; half a second is what a time service keeps with ease.
MOST_OFFSET = 0.5
MOST_STEP = 0.1
_UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)


async def clock(patient: Patient, checked: Checked) -> None:
    """Compare the clocks now and over the examination so far."""
    compare(patient.began, await read_clocks(patient.conn, tries=5), checked)
    checked.facts["synchronised"] = synchronised()
    if checked.facts["synchronised"] is False:
        checked.find("clock_free")


def compare(first: Reading, last: Reading, checked: Checked) -> None:
    """Find an offset between two machines, and jumps between two readings."""
    step = (last.wall - first.wall) - (last.monotonic - first.monotonic)
    checked.facts |= {"watched_seconds": round(last.monotonic - first.monotonic, 3), "step_seconds": round(step, 4)}
    if abs(step) > MOST_STEP:
        checked.find("clock_stepped", clock="machine's", seconds=f"{step:+.2f}")
    if last.database is None:
        return
    offset = last.database - last.wall
    checked.facts |= {"database_offset_seconds": round(offset, 4), "slack_seconds": round(last.slack, 4)}
    if abs(offset) - last.slack > MOST_OFFSET:
        checked.find("clock_offset", seconds=f"{offset:+.2f}")
    if first.database is not None:
        jump = (last.database - first.database) - (last.monotonic - first.monotonic)
        if abs(jump) - first.slack - last.slack > MOST_STEP:
            checked.find("clock_stepped", clock="database's", seconds=f"{jump:+.2f}")


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` of adjtimex(2); the rest is room that the kernel may fill."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def synchronised() -> bool | None:
    """Whether the kernel knows of a time service; None where it cannot be asked. Modes 0 changes nothing."""
    if not sys.platform.startswith("linux"):
        return None
    told = _Timex()
    if ctypes.CDLL(None).adjtimex(ctypes.byref(told)) < 0:
        return None
    return not told.status & _UNSYNCHRONISED
