"""A part away for a while: what is red meanwhile, how much ingest holds, and whether all of it is there afterwards."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from tests.faults.blows import pids
from tests.stack import Stack
from tests.waiting import until

RED_WITHIN = 30.0  # seconds: guarantee 9
BACK_WITHIN = 240.0  # a crowded machine takes long over a backlog


@dataclass
class Outage:
    """What was seen. `red_after`: seconds until /readyz, which every desk asks, named the part."""

    red_after: float = 0.0
    held_mib: float = 0.0
    back_after: float = 0.0


def resident_mib(stack: Stack, part: str) -> float:
    """How much memory a part has; 0 while it does not run."""
    with suppress(psutil.NoSuchProcess, KeyError):
        return float(psutil.Process(pids(stack)[part]).memory_info().rss) / 2**20
    return 0.0


def red(stack: Stack) -> set[str]:
    """The parts that /readyz calls not ready; none where nobody answers."""
    with suppress(httpx.TransportError):
        answer = stack.client.get("/readyz")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return {name for name, part in answer.json()["parts"].items() if not part["ok"]}
    return set()


@contextmanager
def outage(stack: Stack, part: str, away: AbstractContextManager[None], seconds: float) -> Iterator[Outage]:
    """The part is `away` for so long; the block runs within, and after it everything comes back by itself."""
    seen, began = Outage(), time.monotonic()
    before = resident_mib(stack, "ingest")
    with away:
        until(f"{part} is red", lambda: part in red(stack), RED_WITHIN + 15)
        seen.red_after = time.monotonic() - began
        yield seen

        def over() -> bool:
            seen.held_mib = max(seen.held_mib, resident_mib(stack, "ingest") - before)
            return time.monotonic() - began >= seconds

        until("the outage is over", over, seconds + 15)
    ended = time.monotonic()
    until("everything is ready again", stack._ready, BACK_WITHIN)
    seen.back_after = time.monotonic() - ended
