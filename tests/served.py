"""The API as a process of its own on a real socket, and a reader of its feed that can be cut anywhere."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.parts import free_port

_PROGRAM = """
import asyncio, json, sys
from api.serve import serve
from api.settings import ApiSettings
asyncio.run(serve(ApiSettings(**json.loads(sys.argv[1]))))
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where it listens, and the process."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ended(self, seconds: float) -> int:
        """Wait for the process to end by itself; its exit code."""
        return await asyncio.to_thread(self.process.wait, seconds)


@asynccontextmanager
async def served(database_url: str, project: Path, **settings: Any) -> AsyncIterator[Served]:
    """Run the API until the block ends."""
    told = {"database_url": database_url, "port": free_port(), "broker_managed": False, **settings}
    process = subprocess.Popen(  # noqa: ASYNC220 -- it returns at once
        [sys.executable, "-c", _PROGRAM, json.dumps(told)], cwd=project, env={**os.environ, "PYTHONPATH": str(project)}
    )
    running = Served(port=told["port"], process=process)
    try:
        await _answers(running)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(15)


async def _answers(running: Served) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client, asyncio.timeout(120):
        while running.process.poll() is None:
            try:
                if (await client.get("/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    raise AssertionError("the API ended instead of answering")


@dataclass(kw_only=True)
class FeedReader:
    """Reads the feed over bare sockets. `seen` are the ids of whole events, `comments` all comments.

    `told` is every event in order: its kind and its document.
    """

    port: int
    headers: dict[str, str]
    after: int | None = None
    seen: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0

    async def read(self, *, events: int | None = None, pieces: int | None = None, seconds: float | None = None) -> None:
        """Connect, resuming from the last id, and read so many events or pieces, or for so long; then just leave."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            # HTTP/1.0: the body comes as it is, without chunks.
            resume = {} if self.after is None else {"Last-Event-ID": str(self.after)}
            lines = [f"{name}: {value}" for name, value in {**self.headers, **resume}.items()]
            writer.write("\r\n".join(["GET /api/v1/alerts/feed HTTP/1.0", *lines, "", ""]).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            self.status = int(head.split(b" ", 2)[1])
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._body(reader, events, pieces)
        finally:
            writer.transport.abort()

    async def _body(self, reader: asyncio.StreamReader, events: int | None, pieces: int | None) -> None:
        held, taken, count = b"", 0, 0
        while (pieces is None or count < pieces) and (piece := await reader.read(65_536)):
            count += 1
            *whole, held = (held + piece).split(b"\n\n")
            for block in whole:
                taken += self._take(block.decode())
                if events is not None and taken >= events:
                    return

    def _take(self, block: str) -> int:
        fields = [line.partition(":")[::2] for line in block.split("\n")]
        self.comments += [value.strip() for name, value in fields if name == ""]
        self.opened.set()
        told = {name: value.removeprefix(" ") for name, value in fields if name}
        if "event" not in told:
            return 0
        document = json.loads(told["data"])
        self.told.append((told["event"], document))
        if told["event"] != "alert":
            assert "id" not in told, "where the reader stands in the log may not move"
            return 0
        assert document["log_id"] == int(told["id"])
        self.after = document["log_id"]
        self.seen.append(document["log_id"])
        self.events.append(document)
        self.arrived.set()
        return 1
