"""Between ingest and its database: a connection that breaks exactly when a COMMIT is on its way."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

import psycopg

Break = Literal["before commit", "after commit"]
_COMMIT = b"COMMIT"


class CommitProxy:
    """Passes bytes on until `arm`; then the next COMMIT is lost, or only its answer is.

    While `refusing`, which a break begins where that was asked for, nobody gets through.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._armed: Break | None = None
        self._refuses_then = False
        self.refusing = False
        self.broken = 0

    def arm(self, how: Break, *, then_refuse: bool = False) -> None:
        self._armed, self._refuses_then = how, then_refuse

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.close()
            return
        there, back = await asyncio.open_unix_connection(self._target)
        answers = asyncio.create_task(_pass_on(there, writer))
        try:
            while data := await reader.read(65536):
                if self._armed and _COMMIT in data:
                    await self._break(data, there, back, answers)
                    return
                back.write(data)
                await back.drain()
        finally:
            answers.cancel()
            for stream in (writer, back):
                stream.close()

    async def _break(
        self, data: bytes, there: asyncio.StreamReader, back: asyncio.StreamWriter, answers: asyncio.Task[None]
    ) -> None:
        how, self._armed = self._armed, None
        self.refusing = self._refuses_then
        self.broken += 1
        answers.cancel()
        with suppress(asyncio.CancelledError):
            await answers
        if how == "after commit":
            back.write(data)
            await back.drain()
            assert _COMMIT in await there.read(65536), "the server's answer to a COMMIT names it"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def commit_proxy(database_url: str) -> AsyncIterator[tuple[CommitProxy, str]]:
    """A proxy to a server on a Unix socket, and the URL through it."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    name = f".s.PGSQL.{parts.get('port', 5432)}"
    proxy = CommitProxy(f"{parts['host']}/{name}")
    # A Unix socket's path is short, which pytest's own folders are not.
    with tempfile.TemporaryDirectory(prefix="sw-proxy-") as folder:
        server = await asyncio.start_unix_server(proxy.serve, f"{folder}/{name}")
        try:
            yield proxy, psycopg.conninfo.make_conninfo(database_url, host=folder)
        finally:
            server.close()
