"""Real parts for tests: the embedded database, the embedded broker, the whole stack. Each in folders of its own."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import bcrypt
import psutil
import psycopg
import pytest

from runtime.broker import Broker
from runtime.child import Child
from runtime.database import Database
from runtime.layout import DataDir, open_data_dir
from runtime.orphans import end_orphans
from tests.waiting import looks

T = TypeVar("T")
SHOUWANG = (sys.executable, "-P", "-m", "runtime")


@contextmanager
def data_dir() -> Iterator[DataDir]:
    """A data directory in a short path that the parts' users can reach, which pytest's own folders are not."""
    path = Path(tempfile.mkdtemp(prefix="sw-test-"))
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield open_data_dir(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def start_database(folder: Path) -> Iterator[str]:
    """A running embedded server; its URL. Its log is left in `folder`."""
    with data_dir() as data, (folder / "database.log").open("ab") as log:
        database = Database(data)
        database.prepare()
        command = database.command()
        process = subprocess.Popen(command.argv, **command.options, stdout=log, stderr=log)
        try:
            asyncio.run(asyncio.wait_for(database.wait_ready(), 60))
            yield database.url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            database.close()


@contextmanager
def paused_database(server_url: str) -> Iterator[None]:
    """No process of this server runs, as on a machine that hangs: connections stand and nothing answers."""
    with psycopg.connect(server_url) as conn:
        server = psutil.Process(conn.info.backend_pid).parent()
        assert server is not None
    # The server first, or it makes one more process for whoever comes back while its processes are counted.
    _stop(server)
    processes = [server, *server.children(recursive=True)]
    for process in processes[1:]:
        _stop(process)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _stop(process: psutil.Process) -> None:
    """Suspend it and see it stopped: the signal alone may be delivered a little later."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()
        while process.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}:
            time.sleep(0.001)


def free_port() -> int:
    """A port outside of the range that the kernel gives to outgoing connections, so it stays free over a restart."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass(frozen=True, kw_only=True)
class Login:
    """A device's login on a test broker."""

    site: str
    device: str
    password: str

    @property
    def username(self) -> str:
        return f"{self.site}:{self.device}"

    @property
    def bcrypt(self) -> str:
        return bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4)).decode()


class RunningBroker:
    """An embedded broker that a test may kill and start again. `refused` lists the denied publishes' devices."""

    def __init__(self, data: DataDir) -> None:
        self.port = free_port()
        self.host = "127.0.0.1"
        self.refused: list[str] = []
        self.lines: list[str] = []
        self.part = Broker(data, host=self.host, port=self.port, sync_interval="always", refused=self.refused.append)
        self.child: Child | None = None
        self._said = asyncio.Event()

    async def said(self) -> None:
        """Wait for the broker's next line."""
        self._said.clear()
        await self._said.wait()

    def url(self, service: str) -> str:
        """mqtt:// with the credentials of `ingest` or `publisher`."""
        return self.part.url(service)

    def device_url(self, login: Login) -> str:
        return f"mqtt://{login.username.replace(':', '%3A')}:{login.password}@{self.host}:{self.port}"

    async def start(self) -> None:
        self.part.prepare()
        self.child = await Child.start(self.part.command(), self._line)
        await asyncio.wait_for(self.part.wait_ready(), 30)

    async def kill(self) -> None:
        """SIGKILL; `start` brings it back on the same port and store."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)
            await self.child.wait()

    def pause(self) -> None:
        """SIGSTOP, and wait until every thread has stopped: the signal alone leaves time for one more answer."""
        assert self.child is not None
        self.child.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.child is not None
        self.child.signal(signal.SIGCONT)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop(patience=10)

    async def admit(self, *devices: Login) -> None:
        """Let exactly these devices in; who was in and is not named is cut off."""
        self.part.note_session()
        self.part.write_users(devices)
        assert self.child is not None
        assert await asyncio.wait_for(self.part.reload(self.child.signal), 10)

    async def add(self, *names: str) -> Sequence[Login]:
        """Let in devices named `site:device`, with passwords made up here."""
        logins = [Login(site=s, device=d, password=secrets.token_urlsafe(16)) for s, d in (n.split(":") for n in names)]
        await self.admit(*logins)
        return logins

    def _line(self, line: str) -> None:
        self.lines.append(self.part.on_line(line))
        self._said.set()


@asynccontextmanager
async def running_broker() -> AsyncIterator[RunningBroker]:
    """An embedded broker with its service users and no devices yet."""
    with data_dir() as data:
        broker = RunningBroker(data)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()


@pytest.fixture
async def broker() -> AsyncIterator[RunningBroker]:
    """An embedded broker for this test alone."""
    async with running_broker() as running:
        yield running


class Stack:
    """`shouwang up` as a process of its own, on its own data directory and ports."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.http, self.mqtt = free_port(), free_port()
        self.log = data.with_name(data.name + ".log")
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> None:
        """Start it and do not wait."""
        argv = [*SHOUWANG, "up", "--data", str(self.data), "--http", str(self.http), "--mqtt", str(self.mqtt)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*argv, *self._arguments], stdout=log, stderr=log, start_new_session=True)

    def up(self, *, wait: float = 120) -> "Stack":
        """Start it and return once /readyz is 200."""
        self.start()
        self.until(self.ready, wait=wait)
        return self

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            self.get("/readyz")
        except OSError:
            return False
        return True

    def get(self, path: str) -> str:
        """The text of a page. Raises OSError where the answer is no success."""
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 -- our own http address
            text: str = answer.read().decode()
            return text

    def until(self, probe: Callable[[], T], *, wait: float = 60) -> T:
        """What `probe` answers once it is true; fails after `wait` seconds or when `up` ends."""
        for _ in looks(wait):
            if answer := probe():
                return answer
            assert self.process.poll() is None, f"`up` ended with {self.process.returncode}: {self.tail()}"
        raise AssertionError(f"not within {wait} s: {self.tail()}")

    def tail(self) -> str:
        return self.log.read_text("utf-8", errors="replace")[-2000:]

    def pids(self) -> dict[str, int]:
        """The parts that run now, by name."""
        return {row["name"]: row["pid"] for row in json.loads((self.data / "run" / "children.json").read_text("utf-8"))}

    def kill(self, part: str) -> int:
        """SIGKILL of one part; its pid. `up` starts it again."""
        pid = self.pids()[part]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_up(self) -> None:
        """SIGKILL of `up` alone: what it started is left behind."""
        self.process.kill()
        self.process.wait()

    def kill_all(self) -> None:
        """SIGKILL of everything at once, as a power cut does."""
        pids = self.pids().values()
        self.kill_up()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`shouwang ...`, with the output as text."""
        done = subprocess.run([*SHOUWANG, *arguments], capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done

    def token(self, role: str = "admin") -> str:
        return self.command("token", "issue", "--role", role, "--data", str(self.data)).stdout.strip()

    def down(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def close(self) -> None:
        """End whatever still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill_all()
        self.log.unlink(missing_ok=True)


@contextmanager
def stack(*arguments: str) -> Iterator[Stack]:
    """A stack that is not started yet; its directory is removed afterwards."""
    with data_dir() as data:
        running = Stack(data.path, *arguments)
        try:
            yield running
        finally:
            running.close()
            end_orphans(data)
