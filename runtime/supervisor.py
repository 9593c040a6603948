"""Keep one part running: start it, wait until it is ready, start it again when it dies, stop it in time."""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from runtime.child import Child, Command
from runtime.errors import StartError
from runtime.logs import PartLog

log = logging.getLogger(__name__)

# Seconds: the first and the longest pause before a dead part is started again; the first is short, since
# an emergency may be waiting for it.
PAUSE = (0.1, 10.0)
STEADY_AFTER = 10.0
FIRST_TRIES = 3
LINE_TOLD = 200


class Part(Protocol):
    """What can be kept running."""

    @property
    def name(self) -> str: ...

    def prepare(self) -> None:
        """Make ready what the process needs; may take long, runs in a thread. Raises `StartError`."""

    def command(self) -> Command:
        """How it is run."""

    def on_line(self, line: str) -> str:
        """Take a line of its output, where that is piped, and return it as it may be kept."""

    async def wait_ready(self) -> None:
        """Return once it serves. It may take any time; the process's end is noticed elsewhere."""


class Keeper:
    """Keeps one part running from `start` to `stop`. `changed` is called whenever a process came or went."""

    def __init__(
        self,
        part: Part,
        *,
        environment: dict[str, str],
        patience: float,
        changed: Callable[[], None],
        ended: Callable[[int], None] = lambda _: None,
        log_file: Path | None = None,
    ) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.came_up = 0
        self._environment = environment
        self._patience = patience
        self._changed = changed
        self._ended = ended
        self._log = PartLog(log_file) if log_file else None
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_lines: deque[str] = deque(maxlen=3)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def signal(self, number: int) -> None:
        """Send a signal to the process; nothing happens where there is none at the moment."""
        if self._child is not None:
            self._child.signal(number)

    async def start(self) -> None:
        """Start it and return once it is ready. Raises `StartError` where it does not come up."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.part.name}")
        ready = asyncio.create_task(self.ready.wait(), name=f"{self.part.name} ready")
        try:
            await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._task.done():
            await self._task

    async def failed(self) -> None:
        """Wait until the part cannot be kept any longer, which is an error of ours, and raise that."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Stop it, by force after its patience."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, StartError):
                await self._task
        if self._child is not None:
            log.info("stopping", extra={"target": self.part.name})
            await self._child.stop(patience=self._patience)
            self._gone()
        if self._log is not None:
            self._log.close()

    async def _keep(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            reason = await self._attempt()
            failures = 0 if time.monotonic() - began > STEADY_AFTER else failures + 1
            if not self.came_up and failures >= FIRST_TRIES:
                raise StartError(f"the {self.part.name} does not start: {reason}")
            pause = min(PAUSE[1], PAUSE[0] * 2 ** min(failures, 10)) * random.uniform(0.5, 1.5)  # noqa: S311 -- jitter
            log.warning("ended: starting it again", extra={"target": self.part.name, "reason": reason, "in_s": pause})
            await asyncio.sleep(pause)

    async def _attempt(self) -> str:
        """Run it once; return why it ended. A `StartError` counts as fatal only before it was ever ready."""
        try:
            await asyncio.to_thread(self.part.prepare)
        except (StartError, OSError) as error:
            if not self.came_up:
                raise
            return str(error)
        command = self.part.command()
        command = replace(command, env={**command.env, **self._environment})
        self._child = child = await Child.start(command, self._line)
        self._changed()
        code = await self._watch(child)
        self._gone()
        return f"exit code {code}" + "".join(f"; {line[-LINE_TOLD:]}" for line in self._last_lines)

    async def _watch(self, child: Child) -> int:
        ended = asyncio.create_task(child.wait(), name=f"{self.part.name} ended")
        ready = asyncio.create_task(self.part.wait_ready(), name=f"{self.part.name} ready")
        try:
            await asyncio.wait([ended, ready], return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and not ended.done():
                await ready
                log.info("ready", extra={"target": self.part.name, "pid": child.pid})
                self.came_up += 1
                self.ready.set()
            return await asyncio.shield(ended)
        finally:
            ready.cancel()

    def _line(self, line: str) -> None:
        kept = self.part.on_line(line)
        self._last_lines.append(kept)
        if self._log is not None:
            self._log.write(kept)

    def _gone(self) -> None:
        self.ready.clear()
        if self._child is not None:
            self._ended(self._child.pid)
        self._child = None
        self._changed()
