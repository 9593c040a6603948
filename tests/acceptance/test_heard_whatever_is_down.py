"""The whole stack as its users run it, with a part standing still: told to the desk and elsewhere, then as before."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import psutil
import pytest

from tests.served import FeedReader
from tests.stack import Device, Stack, crowding, home, running_stack
from tests.watch_parts import Elsewhere, elsewhere, eventually

ON_THE_DESK = 3.0  # seconds from the press
TOLD_WITHIN = 30.0  # seconds from a stall


@contextmanager
def stopped(stack: Stack, part: str) -> Iterator[None]:
    """SIGSTOP of all processes of a part."""
    children = json.loads((stack.data / "run" / "children.json").read_text("utf-8"))
    (pid,) = [child["pid"] for child in children if child["name"] == part]
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                os.kill(process.pid, signal.SIGCONT)


@asynccontextmanager
async def open_desk(stack: Stack) -> AsyncIterator[FeedReader]:
    reader = FeedReader(port=stack.http, headers={"Authorization": f"Bearer {stack.token}"})
    reading = asyncio.create_task(reader.read())
    await asyncio.wait_for(reader.opened.wait(), 30)
    try:
        yield reader
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def heard(desk: FeedReader, button: Device, press: str) -> None:
    """Press, and see it on the desk in time."""
    before = len(desk.told)
    slack, began = crowding(), time.monotonic()
    button.publish({"type": "sos.pressed", "id": press})
    await eventually("the press is on the desk", lambda: len(desk.told) > before)
    assert time.monotonic() - began < ON_THE_DESK * slack
    assert (desk.told[-1][0], desk.told[-1][1]["device"]) == ("heard", "sos-1")


async def told(people: Elsewhere, title: str, *, since: float, within: float) -> None:
    await eventually(title, lambda: any(title in known for known in people.titles()), seconds=within * 4)
    assert time.monotonic() - since < within * crowding()


@pytest.mark.timeout(420)
async def test_database_then_ingest_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presses meanwhile are on the desk within 3 s; the stall is told elsewhere within 30; each is one alert's once."""
    async with elsewhere() as people:
        monkeypatch.setenv("SHOUWANG_NOTICE_URLS", " ".join(people.urls))
        with running_stack() as stack:
            await asyncio.to_thread(stack.register, home("h1"))
            button = await asyncio.to_thread(stack.device, "h1", "sos-1")
            async with open_desk(stack) as desk:
                with stopped(stack, "database"):
                    began = time.monotonic()
                    await heard(desk, button, "p1")
                    await told(people, "停了：数据库", since=began, within=TOLD_WITHIN)
                    assert await asyncio.to_thread(_unready, stack) == 503
                await eventually("it is recorded", lambda: desk.told[-1][0] == "recorded", 60)
                with stopped(stack, "ingest"):
                    began = time.monotonic()
                    await heard(desk, button, "p2")
                    await told(people, "停了：接入", since=began, within=TOLD_WITHIN)
                await eventually("it is recorded", lambda: [kind for kind, _ in desk.told].count("recorded") == 2, 60)
                await told(people, "已恢复：接入", since=time.monotonic(), within=TOLD_WITHIN)
            assert [kind for kind, _ in desk.told] == ["heard", "alert", "recorded"] * 2
            (alert,) = await asyncio.to_thread(stack.alerts, "h1", "S-01")
            assert alert["occurrences"] == 2
    assert sum("紧急情况尚未入库：1 条" in title for title in people.titles()) == 2
    assert sum("紧急情况已入库" in title for title in people.titles()) == 2


def _unready(stack: Stack) -> int:
    return stack.client.get("/readyz").status_code
