"""One child process: under which user it runs, how it is asked to stop, and who reads what it says."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.accounts import User

# In the environment of all that `up` starts: the data directory it belongs to.
MARKER = "SHOUWANG_PART_OF"
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """How a part is run. `piped`: its output comes to us line by line; otherwise it goes where ours goes."""

    name: str
    argv: tuple[str, ...]
    user: User | None = None
    stop: Literal["SIGTERM", "SIGINT"] = "SIGTERM"
    piped: bool = False
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def identity(user: User | None) -> dict[str, Any]:
        """The arguments of `subprocess` that give up root's rights."""
        base: dict[str, Any] = {"umask": 0o077, "start_new_session": True}
        return base if user is None else base | {"user": user.uid, "group": user.gid, "extra_groups": []}

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `subprocess` besides the command line."""
        # Our settings may hold passwords: a program that is not ours does not get them.
        kept = {k: v for k, v in os.environ.items() if not (self.piped and k.startswith("SHOUWANG_"))}
        return self.identity(self.user) | {"env": kept | dict(self.env), "cwd": self.cwd, "stdin": subprocess.DEVNULL}


class _Watched(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells of the process's end at once: asyncio's own `wait` waits for every holder of its pipe as well.

    The server processes of a killed database hold it for as long as they hang on a lock that nobody gives back.
    """

    def __init__(self, exited: asyncio.Event, *, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self._ended = exited

    def process_exited(self) -> None:
        super().process_exited()
        self._ended.set()


class Child:
    """A running process of a part."""

    def __init__(
        self,
        command: Command,
        process: asyncio.subprocess.Process,
        transport: asyncio.SubprocessTransport,
        exited: asyncio.Event,
        reader: asyncio.Task[None] | None,
    ) -> None:
        self.command = command
        self._process = process
        self._transport = transport
        self._exited = exited
        self._reader = reader

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, command: Command, on_line: Callable[[str], None]) -> "Child":
        """Run the command; what it writes, where piped, goes to `on_line`, which must not block."""
        out = asyncio.subprocess.PIPE if command.piped else None
        loop, exited = asyncio.get_running_loop(), asyncio.Event()
        transport, protocol = await loop.subprocess_exec(
            lambda: _Watched(exited, limit=_LONGEST_LINE, loop=loop),
            *command.argv,
            **command.options,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT if out else None,
        )
        process = asyncio.subprocess.Process(transport, protocol, loop)
        reader = None
        if process.stdout is not None:
            reader = asyncio.create_task(_read(process.stdout, on_line), name=f"{command.name} output")
        return cls(command, process, transport, exited, reader)

    async def wait(self) -> int:
        """Its exit code, once it has ended and all it wrote was read."""
        await self._exited.wait()
        if self._reader is not None:
            # A grandchild may hold the pipe open for longer than its parent lived.
            await asyncio.wait([self._reader], timeout=1)
            self._reader.cancel()
        self._transport.close()
        code = self._process.returncode
        assert code is not None  # noqa: S101 -- it has exited
        return code

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self, *, patience: float) -> None:
        """Ask it to end, and end it after `patience` seconds."""
        self.signal(getattr(signal, self.command.stop))
        try:
            await asyncio.wait_for(self._exited.wait(), patience)
        except TimeoutError:
            self.signal(signal.SIGKILL)
        await self.wait()


async def _read(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than the limit: what is dropped is noise, the pipe must stay empty
            continue
        if not line:
            return
        on_line(line.decode("utf-8", "replace").rstrip())
