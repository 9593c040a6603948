"""From a press to the desk: published at QoS 1, seen on the live feed, while other devices speak."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from runtime.bench.feed import Feed, following
from runtime.bench.ingest import Lost
from runtime.bench.mqtt import Connection, connected
from runtime.bench.report import Line
from runtime.bench.speech import Speech, press_packet
from runtime.bench.stack import Stack
from runtime.bench.world import World, site_code

CONNECTIONS = 8
WINDOW = 100
TICK_SECONDS = 0.01
ARRIVE_SECONDS = 180.0
WARM_SECONDS = 1.0
# Below this share of the load that was asked for, it was not reached.
REACHED = 0.98


class Pressed(NamedTuple):
    """Milliseconds from publish to feed of every press, and the background that the broker took meanwhile, a second."""

    asked: int
    achieved: float
    milliseconds: Sequence[float]

    def percentile(self, share: float) -> float:
        return round(float(np.percentile(self.milliseconds, share)), 2)

    def document(self) -> dict[str, float]:
        """What the object of `--json` says of this load."""
        return {"p50": self.percentile(50), "p99": self.percentile(99), "background_per_s": round(self.achieved)}


async def press_to_feed(stack: Stack, world: World, load: int, *, sites: range, seconds: float) -> Pressed:
    """Press the button of each site once, spread over the time. Raises `HungUp`, `Lost` where a press never arrives."""
    speech = Speech(world, round(load * (seconds + 2 * WARM_SECONDS)), boot=f"load-{load}-{time.time_ns():x}")
    packets = await asyncio.to_thread(speech.packets, CONNECTIONS)
    url = stack.running.publisher_url
    with following(stack.running.http_url, await stack.token()) as feed:
        async with connected(url, CONNECTIONS, window=WINDOW) as many, connected(url, 1, window=len(sites) + 1) as one:
            paced = asyncio.create_task(_pace(many, packets, load), name="background")
            await asyncio.sleep(WARM_SECONDS)
            before, began = _acknowledged(many), time.perf_counter()
            pressed = await _press(one[0], sites, seconds)
            achieved = (_acknowledged(many) - before) / (time.perf_counter() - began)
            await _ended(paced)
            took = await _arrived(feed, pressed)
    return Pressed(load, achieved, took)


async def _pace(connections: Sequence[Connection], packets: Sequence[bytes], load: int) -> None:
    """Send `load` messages a second, in turns; what could not be sent in time is made up for."""
    began, sent = time.perf_counter(), 0
    while sent < len(packets):
        due = min(len(packets), int((time.perf_counter() - began) * load))
        while sent < due:
            # A whole round at a time keeps each connection's numbering: message k is of connection k modulo all.
            await connections[sent % len(connections)].send(packets[sent : sent + 1])
            sent += 1
        await asyncio.sleep(TICK_SECONDS)


async def _ended(background: asyncio.Task[None]) -> None:
    """Stop the background. Raises what it died of."""
    background.cancel()
    await asyncio.wait({background})
    if not background.cancelled():
        background.result()


def _acknowledged(connections: Sequence[Connection]) -> int:
    return sum(connection.acknowledged for connection in connections)


async def _press(connection: Connection, sites: range, seconds: float) -> dict[str, float]:
    """When each site's button was pressed; at random moments, so that no clock of ours falls into step."""
    rng = random.Random(len(sites))  # noqa: S311 -- moments, no secret
    moments = sorted(rng.uniform(0, seconds) for _ in sites)
    began, pressed = time.perf_counter(), dict[str, float]()
    for n, (site, moment) in enumerate(zip(sites, moments, strict=True), 1):
        await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
        packet = press_packet(site, n)
        pressed[site_code(site)] = time.perf_counter()
        connection.put(packet)
    await asyncio.sleep(max(0.0, began + seconds - time.perf_counter()))
    return pressed


async def _arrived(feed: Feed, pressed: dict[str, float]) -> list[float]:
    deadline = time.perf_counter() + ARRIVE_SECONDS
    while not pressed.keys() <= feed.arrived.keys() and time.perf_counter() < deadline:  # noqa: ASYNC110 -- another thread reads
        await asyncio.sleep(TICK_SECONDS)
    if missing := pressed.keys() - feed.arrived.keys():
        raise Lost(f"of {len(pressed)} presses, {len(missing)} never came over the feed")
    return [(feed.arrived[site] - moment) * 1000 for site, moment in pressed.items()]


def overloaded_line(load: int, reason: str, stack: Stack) -> Line:
    """A load that was not taken."""
    return Line(
        name=f"press to feed at {load:,} messages/s",
        figure="not measured",
        measured="publish to arrival over SSE",
        parts=f"embedded broker at sync_interval {stack.sync_interval}, ingest, embedded PostgreSQL, API (uvicorn)",
        note=f"this machine did not take the load: {reason}",
    )


def press_line(pressed: Pressed, stack: Stack, world: World) -> Line:
    reached = pressed.achieved >= REACHED * pressed.asked
    note = f"background reached: {pressed.achieved:,.0f}/s" if pressed.asked else "no background"
    return Line(
        name=f"press to feed at {pressed.asked:,} messages/s",
        figure=f"p50 {pressed.percentile(50)} ms, p99 {pressed.percentile(99)} ms",
        measured=f"{len(pressed.milliseconds)} presses, publish to arrival over SSE, beside {world.devices:,} devices",
        parts=f"embedded broker at sync_interval {stack.sync_interval}, ingest, embedded PostgreSQL, API (uvicorn)",
        note=note if reached else f"{note}: this machine did not take the load",
    )
