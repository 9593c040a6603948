"""What a killed `up` left running: found by pid and birth, by the marker in its environment, or by its folder."""

import contextlib
import json
import logging
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from runtime.child import MARKER
from runtime.layout import DataDir, write_private

log = logging.getLogger(__name__)
# The database's shutdown writes a checkpoint; after that it is killed, which costs a recovery and no data.
PATIENCE = 20.0
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError)


def remember(data: DataDir, children: Iterable[tuple[str, int]]) -> None:
    """Write down the running children: name, pid and moment of birth, since pids come round again."""
    rows = []
    for name, pid in children:
        with contextlib.suppress(*_GONE):
            rows.append({"name": name, "pid": pid, "born": psutil.Process(pid).create_time()})
    write_private(data.children_file, json.dumps(rows))


def end_orphans(data: DataDir) -> list[str]:
    """End what belongs to this directory and whose `up` is dead; the caller holds the directory. Names them."""
    found = {p.pid: p for p in [*remembered(data).values(), *_marked(data)]}
    tops = [p for p in found.values() if _parent(p) not in found]
    return _end(tops)


def end_users_of(folder: Path, program: Path) -> list[str]:
    """End every process of this program that works in this folder: a server, or what its killed parent left."""
    found = {p.pid: p for p in psutil.process_iter() if _cwd(p) == folder and _program(p) == program.name}
    tops = [p for p in found.values() if _parent(p) not in found]
    return _end(tops)


def remembered(data: DataDir) -> dict[str, psutil.Process]:
    """The children that were written down and still live, by name."""
    if not data.children_file.exists():
        return {}
    found = {}
    for row in json.loads(data.children_file.read_text("utf-8")):
        with contextlib.suppress(*_GONE):
            process = psutil.Process(row["pid"])
            if abs(process.create_time() - row["born"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                found[row["name"]] = process
    return found


def _marked(data: DataDir) -> list[psutil.Process]:
    mine = psutil.Process().pid
    return [p for p in psutil.process_iter() if p.pid != mine and _marker(p) == str(data.path)]


def _marker(process: psutil.Process) -> str | None:
    with contextlib.suppress(*_GONE):
        return process.environ().get(MARKER)
    return None


def _cwd(process: psutil.Process) -> Path | None:
    with contextlib.suppress(*_GONE):
        return Path(process.cwd())
    return None


def _program(process: psutil.Process) -> str | None:
    with contextlib.suppress(*_GONE):
        # An upgrade may have removed the file that still runs.
        return Path(process.exe().removesuffix(" (deleted)")).name
    return None


def _parent(process: psutil.Process) -> int | None:
    with contextlib.suppress(*_GONE):
        return process.ppid()
    return None


def _end(processes: list[psutil.Process]) -> list[str]:
    names = []
    for process in processes:
        with contextlib.suppress(*_GONE):
            name = process.name()
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients.
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            names.append(name)
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    for process in alive:
        with contextlib.suppress(*_GONE):
            process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE)
    if names:
        log.info("ended what a killed run had left", extra={"processes": sorted(names)})
    return names
