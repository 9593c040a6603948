"""Keeping processes alive and ending what is left of them, with small stand-ins for the parts."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psutil
import pytest

from runtime import programs
from runtime.child import MARKER, Command
from runtime.errors import StartError
from runtime.orphans import end_orphans, remember
from runtime.programs import NATS, POSTGRES, Package
from runtime.supervisor import Keeper
from tests.parts import data_dir

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
SLEEPER = "import signal; print('up', flush=True); signal.pause()"

PARENT = f"""
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", {SLEEPER!r}]).pid, flush=True)
time.sleep(600)
"""


class StandIn:
    """A part that is ready when it says "up"."""

    name = "standin"

    def __init__(self, script: str) -> None:
        self._script = script
        self._ready = asyncio.Event()
        self.lines: list[str] = []

    def prepare(self) -> None:
        self._ready.clear()

    def command(self) -> Command:
        return Command(name=self.name, argv=(sys.executable, "-c", self._script), piped=True)

    def on_line(self, line: str) -> str:
        self.lines.append(line)
        if line == "up":
            self._ready.set()
        return line

    async def wait_ready(self) -> None:
        await self._ready.wait()


@asynccontextmanager
async def kept(part: StandIn, *, patience: float = 5) -> AsyncIterator[tuple[Keeper, asyncio.Queue[int | None]]]:
    """A keeper of the stand-in, and the pids that it tells."""
    pids: asyncio.Queue[int | None] = asyncio.Queue()
    keeper = Keeper(part, environment={}, patience=patience, changed=lambda: pids.put_nowait(keeper.pid))
    try:
        yield keeper, pids
    finally:
        await keeper.stop()


async def test_what_dies_is_started_again() -> None:
    """A killed process has a successor, which is told, and the part becomes ready anew."""
    async with asyncio.timeout(30), kept(StandIn(SLEEPER)) as (keeper, pids):
        await keeper.start()
        first = await pids.get()
        assert first is not None
        keeper.signal(signal.SIGKILL)
        assert await pids.get() is None
        second = await pids.get()
        await keeper.ready.wait()
        assert second not in (None, first)
        assert keeper.came_up == 2


async def test_what_leaves_a_child_behind_is_started_again() -> None:
    """The end of a process is its own: whoever inherited its output, as a database's servers do, may hang on."""
    part = StandIn(PARENT)
    async with kept(part) as (keeper, pids):
        await keeper.start()
        first = await asyncio.wait_for(pids.get(), 10)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        try:
            while (second := await asyncio.wait_for(pids.get(), 10)) in {None, first}:
                pass
            assert second != first
        finally:
            for line in part.lines:
                if line.isdigit():
                    os.kill(int(line), signal.SIGKILL)


async def test_what_never_comes_up_is_told_with_its_last_words() -> None:
    """After three tries `up` ends with a sentence instead of trying for ever."""
    part = StandIn("print('no such disk', flush=True); raise SystemExit(7)")
    async with asyncio.timeout(30), kept(part) as (keeper, _):
        with pytest.raises(StartError, match=r"standin does not start: exit code 7; .*no such disk"):
            await keeper.start()
    assert part.lines == ["no such disk"] * 3


async def test_the_stubborn_are_ended_by_force() -> None:
    """A part that ignores SIGTERM costs its patience and no more."""
    async with asyncio.timeout(30), kept(StandIn(STUBBORN), patience=0.3) as (keeper, pids):
        await keeper.start()
        pid = await pids.get()
        began = time.monotonic()
        await keeper.stop()
        assert 0.3 <= time.monotonic() - began < 5
        assert not psutil.pid_exists(pid or 0)


def left(*, marker: str | None) -> subprocess.Popen[bytes]:
    """A process as a killed `up` would leave one."""
    environment = {k: v for k, v in os.environ.items() if k != MARKER} | ({MARKER: marker} if marker else {})
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.stdout.close()
    return process


def ended(processes: Sequence[subprocess.Popen[bytes]]) -> list[bool]:
    found = [process.poll() is not None for process in processes]
    for process in processes:
        process.kill()
        process.wait()
    return found


def test_leftovers_are_known_by_record_and_by_marker() -> None:
    """Either is enough; who belongs to another directory is left alone."""
    with data_dir() as data:
        recorded, by_marker = left(marker=None), left(marker=str(data.path))
        other, nobody = left(marker=f"{data.path}-2"), left(marker=None)
        remember(data, [("ingest", recorded.pid)])
        end_orphans(data)
        assert ended([recorded, by_marker, other, nobody]) == [True, True, False, False]


def test_a_pid_that_came_round_again_is_no_leftover() -> None:
    """A record whose process was born at another moment names a stranger."""
    with data_dir() as data:
        stranger = left(marker=None)
        remember(data, [("ingest", stranger.pid)])
        text = data.children_file.read_text("utf-8")
        born = str(psutil.Process(stranger.pid).create_time())
        data.children_file.write_text(text.replace(born, str(float(born) - 500)), "utf-8")
        end_orphans(data)
        assert ended([stranger]) == [False]


@pytest.mark.parametrize(("package", "says"), [(POSTGRES, "PostgreSQL"), (NATS, "nats-server")])
def test_programs_run_from_a_copy(package: Package, says: str) -> None:
    """Where the venv is private, the programs are copied into the data directory and work there."""
    with data_dir() as data:
        found = programs._copied(package, programs._installed(package), data, None)
        assert data.programs in found.parents
        done = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        assert says in done.stdout
        # Copied once.
        assert programs._copied(package, programs._installed(package), data, None) == found
