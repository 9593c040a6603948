"""Two hundred open feeds on one API process, and a storm of a thousand alerts in ten seconds. Run by `scripts/soak`."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
import pytest

from api.tokens import issue_token
from runtime.running import database_url, publisher_url
from runtime.settings import load
from simulators.link import Link
from simulators.publisher import Message, Publisher
from store.pool import connect
from tests.ingest_parts import until
from tests.served import FeedReader
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.timeout(280)

READERS, ALERTS, WITHIN = 200, 1000, 10.0

HOME = """
[[site]]
code = "storm-{n}"
kind = "home"
street = "street-{street}"
[[resident]]
code = "storm-{n}-r"
site = "storm-{n}"
[[device]]
site = "storm-{n}"
code = "sos-1"
kind = "sos_button"
resident = "storm-{n}-r"
"""


@dataclass(kw_only=True)
class Watcher(FeedReader):
    """Notes when each change came, and reads no more of it: two hundred of them share this process."""

    came: list[tuple[str, float]] = field(default_factory=list)  # the site, and when (seconds since the epoch)

    def _take(self, block: str) -> int:
        log_id = next((int(line[4:]) for line in block.split("\n") if line.startswith("id: ")), None)
        self.opened.set()
        if log_id is None:
            return 0
        self.seen.append(log_id)
        self.came.append((block.partition('"site":"')[2].partition('"')[0], time.time()))
        return 1


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        running.register("".join(HOME.format(n=n, street=n % 8) for n in range(ALERTS)))
        yield running


async def watchers(stack: Stack) -> list[Watcher]:
    """Each with a token of its own."""
    made = []
    async with await connect(database_url(load({"data": stack.data}, environment={})), name="tokens") as conn:
        for _ in range(READERS):
            _, token = await issue_token(conn, role="duty", now=datetime.now(UTC))
            made.append(Watcher(port=stack.http, headers={"Authorization": f"Bearer {token}"}, after=0))
    return made


@asynccontextmanager
async def reading(readers: list[Watcher]) -> AsyncIterator[None]:
    """All of them connected, as long as the block lasts."""
    tasks = [asyncio.create_task(reader.read()) for reader in readers]
    try:
        await asyncio.gather(*(reader.opened.wait() for reader in readers))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def storm(stack: Stack) -> dict[str, float]:
    """Press a button in every home, evenly within the time; when each was pressed, by home."""
    publisher = Publisher(Link.from_url(publisher_url(load({"data": stack.data}, environment={}))), window=ALERTS)
    running = asyncio.create_task(publisher.run())
    await publisher.connected.wait()
    pressed, began = dict[str, float](), time.monotonic()
    for n in range(ALERTS):
        await asyncio.sleep(max(0.0, began + n * WITHIN / ALERTS - time.monotonic()))
        pressed[f"storm-{n}"] = time.time()
        payload = b'{"type":"sos.pressed","boot":"b","seq":%d}' % n
        await publisher.send(Message(topic=f"shouwang/v1/storm-{n}/sos-1/event", payload=payload))
    await publisher.drained()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return pressed


def used(stack: Stack, part: str) -> tuple[int, float]:
    """Memory (MB) and processor time (s) of one of our processes."""
    process = psutil.Process(stack.pid_of(part))
    times = process.cpu_times()
    return int(process.memory_info().rss) >> 20, float(times.user + times.system)


async def test_nothing_is_skipped(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """All alerts are raised, and every reader sees every change once, in order."""
    readers = await watchers(stack)
    async with reading(readers):
        before = {part: used(stack, part) for part in ("api", "ingest")}
        pressed = await storm(stack)
        await until(lambda: all(len(reader.seen) >= ALERTS for reader in readers), 120)
        after = {part: used(stack, part) for part in before}
    assert sorted((a["rule"], a["site"]) for a in stack.all("/alerts")) == sorted(("S-01", site) for site in pressed)
    assert all(reader.seen == list(range(1, ALERTS + 1)) for reader in readers)
    waits = sorted(when - pressed[site] for reader in readers for site, when in reader.came)
    median, p99 = statistics.median(waits), waits[len(waits) * 99 // 100]
    took = max(pressed.values()) - min(pressed.values())
    with capsys.disabled():
        print(  # noqa: T201 -- the figures are what this is run for
            f"\n{READERS} feeds, {ALERTS} alerts in {took:.1f} s, load {psutil.getloadavg()[0]:.1f}: press to feed"
            f" median {median * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, worst {waits[-1] * 1000:.0f} ms"
        )
        for part in before:
            memory, time_used = after[part][0], after[part][1] - before[part][1]
            print(f"{part}: {memory} MB, before {before[part][0]} MB; {time_used:.1f} s of processor time")  # noqa: T201 -- as above
