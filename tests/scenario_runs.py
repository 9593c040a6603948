"""`shouwang simulate SCENARIO --check` as a command of its own, several of them at the same time."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stack import SHOUWANG


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """How a run ended: its exit code, what it printed and what it said of errors."""

    code: int
    out: str
    err: str


def play(folder: Path, calls: Mapping[str, tuple[str, ...]], *, seconds: float = 180) -> dict[str, Run]:
    """Run all of these at once, by name, each with the arguments of its own; the texts are left in `folder`."""
    processes = {name: _start(folder / name, *call) for name, call in calls.items()}
    try:
        return {name: _end(folder / name, process, seconds) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _start(path: Path, *call: str) -> subprocess.Popen[bytes]:
    with path.with_suffix(".out").open("wb") as out, path.with_suffix(".err").open("wb") as err:
        return subprocess.Popen([*SHOUWANG, "simulate", *call, "--check", "--json"], stdout=out, stderr=err)


def _end(path: Path, process: subprocess.Popen[bytes], seconds: float) -> Run:
    code = process.wait(seconds)
    return Run(code=code, out=path.with_suffix(".out").read_text(), err=path.with_suffix(".err").read_text())
