"""Our own parts as processes of their own: this same program, started for one of its parts."""

import asyncio
import sys
from collections.abc import Mapping

from runtime.child import Command

_ASK_AGAIN = 0.05
_PROBE_SECONDS = 2.0


class OwnPart:
    """A part of ours, such as `ingest`, run as a process; ready as soon as it runs."""

    def __init__(self, name: str, *, env: Mapping[str, str]) -> None:
        self.name = name
        self._env = env

    def prepare(self) -> None:
        """Nothing: it prepares itself."""

    def command(self) -> Command:
        """How it is run. Its log is ours already, so it is not piped."""
        # -P: the folder in which it starts is no place to import from.
        argv = (sys.executable, "-P", "-m", "runtime.part", self.name)
        return Command(name=self.name, argv=argv, env=self._env)

    def on_line(self, line: str) -> str:
        return line

    async def wait_ready(self) -> None:
        """Nothing to wait for: what it says of itself is in the table of parts."""


class ApiPart(OwnPart):
    """The API: ready when it answers."""

    def __init__(self, *, host: str, port: int, env: Mapping[str, str]) -> None:
        super().__init__("api", env=env)
        self._host, self._port = host, port

    async def wait_ready(self) -> None:
        while not await answers(self._host, self._port):  # noqa: ASYNC110 -- another process becomes ready
            await asyncio.sleep(_ASK_AGAIN)


async def answers(host: str, port: int) -> bool:
    """Whether /healthz says that the API is alive."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status
