"""Tasks that run side by side and end together."""

import asyncio
from collections.abc import Coroutine
from typing import Any

# Longer than any farewell of ours, which a second cancellation would cut short.
ASK_AGAIN_SECONDS = 6.0


def is_cancelled() -> bool:
    """Whether this task was asked to end, also where something that it awaited has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def until_one_ends(works: dict[str, Coroutine[Any, Any, None]]) -> None:
    """Run all, by name, until one ends or the caller is cancelled; end the others and raise what the first raised.

    A TaskGroup cancels once, and `asyncio.wait_for` before Python 3.12, on which the database driver waits, may
    swallow that: here a task is asked again until it has ended.
    """
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(tasks)
    for task in done:
        task.result()


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN_SECONDS)
    for task in tasks:
        # Looked at, so that nobody is told later of an error that came with the end.
        if not task.cancelled():
            task.exception()
