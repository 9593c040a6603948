"""The data directory: what lies where, who may read it, and that one `up` alone uses it."""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.accounts import User, own
from runtime.errors import StartError

LAYOUT = "1"
_IGNORED = {"lost+found"}


class DataDir:
    """Paths below one data directory. `open_data_dir` makes and checks it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets = path / "secrets"
        self.database = path / "database"
        self.broker = path / "broker"
        self.programs = path / "programs"
        self.run = path / "run"
        self.log = path / "log"
        self.metrics = self.run / "metrics"
        self.checkpoint_file = path / "engine.checkpoint"
        self.parts_file = self.run / "parts.json"
        self.children_file = self.run / "children.json"

    def secret(self, name: str) -> str:
        """The secret of this name (128 random bits in hex), made at its first use, readable by its owner alone."""
        path = self.secrets / name
        private_dir(self.secrets)
        if not path.exists():
            write_private(path, secrets.token_hex(16))
        return path.read_text("ascii").strip()


def open_data_dir(path: Path) -> DataDir:
    """Make the directory where it is missing, check that it is ours and can be written. Raises `StartError`."""
    path = Path(os.path.realpath(path.expanduser()))
    try:
        _create(path)
        _check_layout(path)
        data = DataDir(path)
        for folder in (data.secrets, data.log):
            private_dir(folder)
        # The parts' users go through `run` to their own folders; nobody lists it.
        for folder in (data.run,):
            private_dir(folder, mode=0o711)
    except OSError as error:
        raise StartError(_sentence(path, error)) from error
    return data


def _create(path: Path) -> None:
    if path.exists():
        return
    path.mkdir(parents=True)
    # Root's parts run as users of their own, which must pass through it.
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _check_layout(path: Path) -> None:
    mark = path / "layout"
    if mark.exists():
        found = mark.read_text("ascii", errors="replace").strip()
        if found != LAYOUT:
            raise StartError(f"the data directory {path} has layout {found!r}, this program uses {LAYOUT!r}")
    elif any(entry.name not in _IGNORED for entry in path.iterdir()):
        raise StartError(f"{path} is not empty and is no data directory of Shouwang: choose another with --data")
    else:
        write_private(mark, LAYOUT)
    if not os.access(path, os.W_OK | os.X_OK) or os.statvfs(path).f_flag & os.ST_RDONLY:
        raise StartError(f"the data directory {path} cannot be written: it is read-only for this user")


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the data directory {path} cannot be written: it is read-only for this user"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"the data directory {path} is no directory"
    return f"the data directory {path} cannot be used: {error.strerror}"


def private_dir(path: Path, *, user: User | None = None, mode: int = 0o700) -> Path:
    """A directory for one user alone; one that is there already is left as it is."""
    if not path.exists():
        path.mkdir(mode=mode)
        path.chmod(mode)
        own(path, user)
    return path


def write_private(path: Path, text: str, *, user: User | None = None) -> None:
    """Replace a file at once, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        own(draft, user)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def fresh_metrics(data: DataDir) -> Path:
    """An empty folder for this run's counters: what processes of an earlier run counted is forgotten."""
    shutil.rmtree(data.metrics, ignore_errors=True)
    return private_dir(data.metrics)


@contextmanager
def held(data: DataDir) -> Iterator[None]:
    """Hold the directory for one `up`; the kernel lets go of it however the process ends."""
    descriptor = os.open(data.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StartError(f"the data directory {data.path} is in use by another process (pid {holder})") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
