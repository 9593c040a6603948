"""Who may read what lies in the data directory: its owner, and the embedded parts their own folders."""

import pwd
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.accounts import BROKER_USER, DATABASE_USER
from runtime.broker_config import USERS_FILE
from runtime.doctor.patient import Patient
from runtime.doctor.report import Checked
from runtime.layout import DataDir

_WITH_PASSWORDS = ("database_url", "mqtt_url")
_PRIVATE, _PASSABLE, _LISTABLE = 0o077, 0o066, 0o022


@dataclass(frozen=True, kw_only=True, slots=True)
class Owners:
    """User ids: of the directory and of the parts' folders; None where the part's user does not exist."""

    data: int
    database: int | None
    broker: int | None

    @classmethod
    def of(cls, data: DataDir) -> "Owners":
        """Root's parts run as users of their own; anybody else's run as he himself."""
        owner = data.path.stat().st_uid
        if owner != 0:
            return cls(data=owner, database=owner, broker=owner)
        return cls(data=0, database=_uid(DATABASE_USER), broker=_uid(BROKER_USER))


async def permissions(patient: Patient, checked: Checked) -> None:
    """Find what strangers can read or change."""
    if patient.config is not None:
        _settings_file(patient.config, checked)
    if patient.data is not None:
        look(patient.data, Owners.of(patient.data), checked)


def look(data: DataDir, owners: Owners, checked: Checked) -> None:
    """Compare modes and owners with what `up` made."""
    seen = 0
    for path, forbidden, owner in _rules(data, owners):
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        except PermissionError:
            checked.find("not_permitted", path=path)
            continue
        seen += 1
        mode = stat.S_IMODE(state.st_mode)
        if mode & forbidden:
            checked.find("mode_open", path=path, mode=f"{mode:04o}", fix=f"{mode & ~forbidden:04o}")
        if owner is not None and state.st_uid != owner:
            checked.find("owner_wrong", path=path, owner=_name(state.st_uid), expected=_name(owner))
    checked.facts["paths"] = seen


def _rules(data: DataDir, owners: Owners) -> Iterator[tuple[Path, int, int | None]]:
    """Each path with the bits it may not have and its owner."""
    yield data.path, _LISTABLE, owners.data
    yield data.run, _PASSABLE, owners.data
    for folder in (data.secrets, data.log, data.metrics):
        yield folder, _PRIVATE, owners.data
    for folder in (data.secrets, data.log):
        for file in _inside(folder):
            yield file, _PRIVATE, owners.data
    for file in (data.parts_file, data.children_file, data.checkpoint_file):
        yield file, _PRIVATE, owners.data
    for folder in (data.database, data.run / "database"):
        yield folder, _PRIVATE, owners.database
    yield data.database / "cluster", _LISTABLE | 0o005, owners.database
    for path in (data.broker, data.broker / USERS_FILE, data.broker / "broker.conf", data.broker / "store"):
        yield path, _PRIVATE, owners.broker


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []  # told of the folder itself


def _settings_file(path: Path, checked: Checked) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    held = tomllib.loads(path.read_text("utf-8"))
    if mode & _PRIVATE and any(key in held for key in _WITH_PASSWORDS):
        checked.find("config_open", path=path, mode=f"{mode:04o}")


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
