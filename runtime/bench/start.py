"""From the start of ingest's process to watching: the partition held, every subscription granted."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import psutil

from runtime.bench.report import Line
from runtime.bench.stack import Stack
from runtime.bench.world import World
from runtime.errors import StartError

LOOK_SECONDS = 0.1
GRANTED_SECONDS = 600.0


class Started(NamedTuple):
    """Seconds from the birth of the process, and what it holds in memory (bytes)."""

    holding: float
    watching: float
    resident: int


async def started(stack: Stack) -> Started:
    """Read from ingest's log how long its start took. Raises `StartError` where it never came to watch."""
    deadline = asyncio.get_running_loop().time() + GRANTED_SECONDS
    while (granted := _said(stack, "every subscription is granted", session="events")) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise StartError("ingest does not come to watch")
        await asyncio.sleep(LOOK_SECONDS)
    holding = _said(stack, "holding the partition")
    rows = json.loads(stack.data.children_file.read_text("utf-8"))
    child = next(row for row in rows if row["name"] == "ingest")
    born, resident = child["born"], psutil.Process(child["pid"]).memory_info().rss
    return Started((holding or granted) - born, granted - born, resident)


def _said(stack: Stack, message: str, **extra: str) -> float | None:
    """When ingest last said this (seconds since the epoch)."""
    wanted: Mapping[str, str] = {"message": message, **extra}
    found = [line for line in stack.said("ingest") if wanted.items() <= line.items()]
    return datetime.fromisoformat(str(found[-1]["at"])).timestamp() if found else None


def start_line(began: Started, world: World) -> Line:
    return Line(
        name=f"start to watching, {world.devices:,} devices",
        figure=f"{began.watching:.1f} s",
        measured=f"birth of ingest's process until every subscription is granted; {began.holding:.1f} s until it holds"
        " the partition",
        parts="ingest process, embedded PostgreSQL with the registry and its log, embedded broker",
        note=f"ingest then holds {began.resident / 1e6:,.0f} MB; its clock moves on three seconds later",
    )
