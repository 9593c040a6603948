"""Room where the data lie."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runtime.doctor.patient import Patient
from runtime.doctor.report import Checked

GIB = 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Least:
    """Too little is below `always`, or below both `share` and `enough` (a tenth of a large disk is plenty)."""

    always: int = 2 * GIB
    enough: int = 20 * GIB
    share: float = 0.1
    inodes: float = 0.05


async def disk(patient: Patient, checked: Checked) -> None:
    """Find file systems with too little room; those of an external database are not ours to see."""
    if patient.data is not None:
        look([patient.data.path, patient.data.database, patient.data.broker, patient.data.log], checked)


def look(paths: Iterable[Path], checked: Checked, least: Least | None = None) -> None:
    """Measure each file system once."""
    least = least or Least()
    seen: set[int] = set()
    for path in paths:
        if not path.exists() or path.stat().st_dev in seen:
            continue
        seen.add(path.stat().st_dev)
        _measure(path, checked, least)


def _measure(path: Path, checked: Checked, least: Least) -> None:
    state = os.statvfs(path)
    free, total = state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize
    checked.facts[str(path)] = {"free_bytes": free, "total_bytes": total}
    if free < least.always or (free < least.enough and free < total * least.share):
        checked.find("disk_low", path=path, free=_told(free), total=_told(total))
    # Some file systems make inodes as they need them, and say 0.
    if state.f_files and state.f_favail < state.f_files * least.inodes:
        checked.find("inodes_low", path=path, free=state.f_favail, total=state.f_files)


def _told(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
