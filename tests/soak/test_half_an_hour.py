"""Half an hour at 5,000 messages a second: memory stays flat, nothing waits at the end, nothing is lost.

Another length: `scripts/soak -s -k half_an_hour --minutes N`; with `--pictures DIR` the memory is drawn.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from runtime.bench.ingest import check_stored, count_stored
from runtime.bench.mqtt import Connection, connected
from runtime.bench.press import CONNECTIONS, WINDOW, _pace
from runtime.bench.speech import Speech
from runtime.bench.stack import Stack, running_stack
from runtime.bench.world import World
from runtime.orphans import remembered
from store.pool import connect
from tests.soak.plot import drawn

pytestmark = pytest.mark.timeout(7200)

RATE = 5_000
OURS = ("ingest", "api", "watch", "broker")
# What is held after the first tenth, in which caches fill, is what is held at the end, but for this share.
FLAT = 1.25
LAG_SECONDS = 30.0


def held(stack: Stack) -> dict[str, float]:
    """MiB by part."""
    found = {}
    for name, process in remembered(stack.data).items():
        if name in OURS:
            found[name] = psutil.Process(process.pid).memory_info().rss / 2**20
    return found


async def one_minute(connections: Sequence[Connection], speech: Speech) -> None:
    """Said at its pace; what comes next is made meanwhile elsewhere."""
    packets = await asyncio.to_thread(speech.packets, CONNECTIONS)
    await _pace(connections, packets, RATE)


async def stored(url: str, speech: Speech) -> float:
    """Seconds until all of it is in the database, and each message once."""
    began = time.monotonic()
    async with await connect(url, name="soak") as conn:
        async with asyncio.timeout(LAG_SECONDS * 4):
            while await count_stored(conn, speech) < speech.count:  # noqa: ASYNC110 -- another process writes
                await asyncio.sleep(0.2)
        lag = time.monotonic() - began
        await check_stored(conn, speech)
    return lag


def is_flat(memory: Sequence[Mapping[str, float]], part: str) -> bool:
    settled = memory[max(1, len(memory) // 10) :]
    return settled[-1][part] <= FLAT * settled[0][part]


async def test_half_an_hour_at_five_thousand_a_second(pytestconfig: pytest.Config) -> None:
    """Every row of every minute is there once; the last came without delay; no part has grown."""
    minutes, world = pytestconfig.getoption("--minutes"), World(10_000)
    said = [Speech(world, RATE * 60, boot=f"minute-{n}") for n in range(minutes)]
    memory: list[dict[str, float]] = []
    async with running_stack(world, sync_interval="1s") as stack:
        url, began = stack.running.database_url, time.monotonic()
        async with connected(stack.running.publisher_url, CONNECTIONS, window=WINDOW) as connections:
            for speech in said:
                await one_minute(connections, speech)
                memory.append(held(stack))
        took = time.monotonic() - began
        lag = await stored(url, said[-1])
        for speech in said[:-1]:
            await stored(url, speech)
    figures = {part: [round(at[part]) for at in memory] for part in OURS}
    print({"messages": sum(s.count for s in said), "seconds": round(took), "lag": round(lag, 1), "MiB": figures})  # noqa: T201 -- the figures of the run
    _draw(pytestconfig.getoption("--pictures"), figures)
    assert lag < LAG_SECONDS
    assert [part for part in OURS if not is_flat(memory, part)] == []


def _draw(folder: Path | None, figures: Mapping[str, Sequence[float]]) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "half-an-hour.svg").write_text(drawn(figures, x="minutes", y="MiB"))
