"""The system users under which embedded parts run when `up` is started by root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import StartError

DATABASE_USER = "shouwang-db"
BROKER_USER = "shouwang-broker"


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    name: str
    uid: int
    gid: int


def part_user(name: str) -> User | None:
    """The user of a part, made where it is missing; None for an ordinary user, who runs everything himself."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        _create(name)
        entry = pwd.getpwnam(name)
    return User(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _create(name: str) -> None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise StartError(
            f"the system user {name} is missing and there is no useradd: create it, or start as another user"
        )
    done = subprocess.run(  # noqa: S603 -- fixed arguments, the program looked up above
        [useradd, "--system", "--user-group", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name],
        capture_output=True,
        text=True,
        check=False,
    )
    # 9: somebody else has just created it.
    if done.returncode not in (0, 9):
        raise StartError(f"the system user {name} cannot be created: {done.stderr.strip()}")


def reaches(user: User | None, path: Path, *, access: str = "x") -> bool:
    """Whether this user may read ("r"), write ("w") or enter/run ("x") a path, asked as that user."""
    if user is None:
        return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[access])
    done = subprocess.run(  # noqa: S603 -- `test` alone, as an unprivileged user
        [shutil.which("test") or "/usr/bin/test", f"-{access}", path],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return done.returncode == 0


def own(path: Path, user: User | None) -> None:
    """Give a path that we have made to a part's user."""
    if user is not None:
        os.chown(path, user.uid, user.gid)
