"""Durable ingest: messages through broker and ingest into the database, counted there, identities checked."""

import asyncio
import secrets
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.columns import boot_number
from runtime.bench.mqtt import connected
from runtime.bench.report import Line, number
from runtime.bench.speech import Speech
from runtime.bench.spending import spent, told
from runtime.bench.stack import Stack
from runtime.bench.world import World
from store.errors import translated
from store.pool import Connection, connect
from store.queries import load

SQL = load("runtime")

CONNECTIONS = 4
# Messages under way on one connection. The embedded broker hangs up on whom it cannot answer within 5 s, and syncing
# each message it answers a few hundred a second.
WINDOW, SYNCED_WINDOW = 2_000, 100
LOOK_SECONDS = 0.02
# So long no further row comes before what is missing counts as lost. The broker redelivers after two seconds; it hangs
# up on an ingest that cannot read for ten, which then comes back to its session.
QUIET_SECONDS = 120.0


class Lost(Exception):
    """What was acknowledged to the publisher is not in the database as it was sent. No figure stands after this."""


class Rate(NamedTuple):
    """Messages a second, how many of them, microseconds of CPU time that each took by part.

    And the bytes that a million take in the database: events, identities.
    """

    per_s: float
    messages: int
    cpu: str
    event_bytes: float
    identity_bytes: float


async def ingest_rate(stack: Stack, world: World, messages: int) -> Rate:
    """Publish as fast as the broker takes it, until the last row is committed. Raises `HungUp`, `Lost`."""
    speech = Speech(world, messages, boot=f"bench-{secrets.token_hex(4)}")
    packets = await asyncio.to_thread(speech.packets, CONNECTIONS)
    async with await connect(stack.running.database_url, name="bench") as conn:
        before, idle = await _head(conn), spent(stack.data)
        window = SYNCED_WINDOW if stack.sync_interval == "always" else WINDOW
        async with connected(stack.running.publisher_url, CONNECTIONS, window=window) as connections:
            began = time.perf_counter()
            await asyncio.gather(*(each.send(packets[n::CONNECTIONS]) for n, each in enumerate(connections)))
            took = await _stored(conn, speech, before) - began
        cpu = told(idle, spent(stack.data), messages)
        await check_stored(conn, speech)
        return await _rate(conn, messages, took, cpu)


async def _stored(conn: Connection, speech: Speech, before: int) -> float:
    """The moment at which every message was seen stored, or nothing had come for too long."""
    seen, changed = 0, time.perf_counter()
    while True:
        position = await _head(conn)
        if position - before >= speech.count and await count_stored(conn, speech) >= speech.count:
            return time.perf_counter()
        if position != seen:
            seen, changed = position, time.perf_counter()
        elif time.perf_counter() - changed > QUIET_SECONDS:
            return changed
        await asyncio.sleep(LOOK_SECONDS)


async def _head(conn: Connection) -> int:
    with translated():
        row = await (await conn.execute(SQL["bench_head"])).fetchone()
    return int(row["position"]) if row else 0


async def count_stored(conn: Connection, speech: Speech) -> int:
    """How many rows of a speech the database holds."""
    with translated():
        row = await (await conn.execute(SQL["bench_stored"], {"boot": boot_number(speech.boot)})).fetchone()
    return int(row["stored"]) if row else 0


async def check_stored(conn: Connection, speech: Speech) -> None:
    """Compare every device's rows with what it said: each of its numbers once. Raises `Lost`."""
    with translated():
        cursor = await conn.execute(SQL["bench_identities"], {"boot": boot_number(speech.boot)})
        rows = await cursor.fetchall()
    found = np.zeros((speech.world.devices, 4), np.int64)
    for row in rows:
        found[row["device"] - 1] = row["stored"], row["different"], row["first"], row["last"]
    judge(speech.said_by_each(), found)


def judge(said: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    """`found` is, by device, how many rows, how many different ones, the first and the last. Raises `Lost`."""
    stored, different, first, last = found.T
    missing, doubled = int((said - different).clip(0).sum()), int((stored - different).sum())
    wrong = int(((different != said) | (last != said) | (first != np.minimum(said, 1))).sum())
    if missing or doubled or wrong:
        difference = f"{missing} missing, {doubled} doubled, {wrong} devices not as they spoke"
        raise Lost(f"of {int(said.sum())} acknowledged messages: {difference}")


async def _rate(conn: Connection, messages: int, took: float, cpu: str) -> Rate:
    with translated():
        row = await (await conn.execute(SQL["bench_bytes"])).fetchone() or {}
    per_million = 1_000_000 / max(1, row["stored"])
    return Rate(messages / took, messages, cpu, row["events"] * per_million, row["identities"] * per_million)


def ingest_line(rate: Rate, stack: Stack, world: World) -> Line:
    return Line(
        name=f"durable ingest, sync_interval {stack.sync_interval}",
        figure=f"{number(rate.per_s)} messages/s",
        measured=f"{rate.messages:,} QoS 1 messages of {world.devices:,} devices, first publish to last committed row;"
        " rows counted, identities checked",
        parts=f"embedded broker at sync_interval {stack.sync_interval}, one ingest process (paho), embedded PostgreSQL",
        note=f"{CONNECTIONS} publishing connections; microseconds of CPU time a message: {rate.cpu}",
    )


def storage_line(rate: Rate) -> Line:
    total = rate.event_bytes + rate.identity_bytes
    return Line(
        name="database",
        figure=f"{total / 1e6:,.0f} MB per million events",
        measured=f"events with their indexes {rate.event_bytes / 1e6:,.0f} MB, identities (7 days)"
        f" {rate.identity_bytes / 1e6:,.0f} MB, right after {rate.messages:,} messages",
        parts="embedded PostgreSQL, plain partitions",
        note="not compressed: that needs TimescaleDB, which the embedded server has not",
    )
