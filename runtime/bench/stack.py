"""The whole system for one measurement: `shouwang up` on a directory of its own, which is gone afterwards."""

import asyncio
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.tokens import issue_token
from runtime.bench.registering import register
from runtime.bench.world import World
from runtime.database import Database
from runtime.errors import StartError
from runtime.layout import DataDir, open_data_dir
from runtime.orphans import end_orphans
from runtime.running import Running, find
from runtime.settings import PREFIX, load
from store.migrations import migrate
from store.pool import connect

LOOK_SECONDS = 0.05
UP_SECONDS = 900.0  # a million devices on a busy machine
DOWN_SECONDS = 60.0
DATABASE_SECONDS = 60.0
_TAIL = 2000


class Stack:
    """A running system. `log` is the file of what its own parts say, as JSON lines."""

    def __init__(self, data: DataDir, running: Running, log: Path, *, sync_interval: str) -> None:
        self.data, self.running, self.log = data, running, log
        self.sync_interval = sync_interval

    async def token(self) -> str:
        """A bearer token of the duty desk's role."""
        now = datetime.now(UTC)
        async with await connect(self.running.database_url, name="bench") as conn:
            _, token = await issue_token(conn, role="duty", expires_at=now + timedelta(hours=12), now=now)
        return token

    def said(self, part: str) -> Iterator[Mapping[str, object]]:
        """What a part has said so far."""
        for line in self.log.read_text("utf-8", errors="replace").splitlines():
            with suppress(json.JSONDecodeError):
                record = json.loads(line)
                if isinstance(record, dict) and record.get("part") == part:
                    yield record


@asynccontextmanager
async def running_stack(world: World, *, sync_interval: str) -> AsyncIterator[Stack]:
    """A system that watches a world. The registry is in the database before ingest starts. Raises `StartError`."""
    with _own_directory() as data:
        await _prepare(data, world)
        async with _up(data, sync_interval) as stack:
            yield stack


@contextmanager
def _own_directory() -> Iterator[DataDir]:
    # Short, and passable for the users that root's parts run as.
    path = Path(tempfile.mkdtemp(prefix="sw-bench-"))
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    data = open_data_dir(path)
    try:
        yield data
    finally:
        end_orphans(data)
        shutil.rmtree(path, ignore_errors=True)


async def _prepare(data: DataDir, world: World) -> None:
    """Put the schema and the registry into a database that runs alone."""
    database = Database(data)
    await asyncio.to_thread(database.prepare)
    command = database.command()
    process = _started(command.argv, data.log / "alone.log", command.options)
    try:
        await asyncio.wait_for(database.wait_ready(), DATABASE_SECONDS)
        await migrate(database.url)
        async with await connect(database.url, name="bench") as conn:
            await register(conn, world)
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, DOWN_SECONDS)
        database.close()


@asynccontextmanager
async def _up(data: DataDir, sync_interval: str) -> AsyncIterator[Stack]:
    http_port, mqtt_port = _free_ports()
    path = data.log / "up.log"
    argv = [sys.executable, "-P", "-m", "runtime", "up", "--data", str(data.path)]
    argv += ["--http", str(http_port), "--mqtt", str(mqtt_port)]
    process = _started(argv, path, {"env": _environment(sync_interval), "start_new_session": True})
    try:
        await _until_ready(process, http_port, path)
        running = find(load({"data": data.path}, environment={}))
        if running is None:
            raise StartError("the system that was to be measured has ended")
        yield Stack(data, running, path, sync_interval=sync_interval)
    finally:
        await asyncio.to_thread(_down, process)


def _started(argv: Sequence[str], log: Path, options: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """A process that writes what it says to a file."""
    with log.open("ab") as file:
        return subprocess.Popen(argv, stdout=file, stderr=file, **{"stdin": subprocess.DEVNULL, **options})  # noqa: S603 -- our own parts


def _environment(sync_interval: str) -> dict[str, str]:
    """Ours without its settings, which are about another system."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    return plain | {f"{PREFIX}SYNC_INTERVAL": sync_interval}


async def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + UP_SECONDS
    while not await asyncio.to_thread(_is_ready, port):
        if process.poll() is not None or asyncio.get_running_loop().time() > deadline:
            raise StartError(f"the system that is to be measured does not come up:\n{_tail(log)}")
        await asyncio.sleep(LOOK_SECONDS)


def _tail(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-_TAIL:]


def _is_ready(port: int) -> bool:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asking.request("GET", "/readyz")
        return asking.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def _down(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports() -> tuple[int, int]:
    """Two ports outside of the range that the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < 2:  # noqa: PLR2004 -- HTTP and MQTT
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found[0], found[1]
