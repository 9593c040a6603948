"""The engine's state rebuilt from the log: control entries and events, in the order of positions."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Engine
from devices.columns import EVENT_DTYPE, NO_TIME
from store.errors import translated
from store.head import InputEntry, read_input
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
PAGE = 200_000  # positions

# PostgreSQL's binary COPY: each row tells its number of fields, each field its length before its value, big-endian.
# Every column is fixed in size and never null, so a whole page is one array.
_FIELDS = [(name, EVENT_DTYPE[name].newbyteorder(">")) for name in EVENT_DTYPE.names or ()]
_ROW = np.dtype([("n", ">i2"), *[part for name, kind in _FIELDS for part in ((f"size_{name}", ">i4"), (name, kind))]])
_HEADER, _TRAILER = 19, 2
_PG_EPOCH = 946_684_800_000_000  # 2000-01-01, in microseconds since 1970
_TIMES = ("received_at", "at", "effective_at")


class Read(NamedTuple):
    """How much of the log a replay read."""

    entries: int
    events: int


async def replay(conn: Connection, engine: Engine) -> Read:
    """Take in the log from the engine's position to its end."""
    with translated():
        head = await (await conn.execute(SQL["log_head"])).fetchone()
    upto = int(head["position"]) if head is not None else 0
    entries = events = 0
    while engine.position < upto:
        read = await _stretch(conn, engine, min(upto, engine.position + PAGE))
        entries, events = entries + read.entries, events + read.events
    return Read(entries, events)


async def _stretch(conn: Connection, engine: Engine, upto: int) -> Read:
    control: list[InputEntry] = await read_input(conn, engine.position, upto)
    events = await read_events(conn, engine.position, upto)
    # In a thread: whoever reads a long log shows meanwhile that he lives.
    await asyncio.to_thread(_take, engine, control, events, upto)
    return Read(len(control), len(events))


def _take(engine: Engine, control: Sequence[InputEntry], events: NDArray[np.void], upto: int) -> None:
    engine.apply(control, events)
    engine.advanced_to(upto)
    engine.adopt()


async def read_events(conn: Connection, after: int, upto: int) -> NDArray[np.void]:
    """The events of a stretch of the log as the engine's columns."""
    with translated():
        async with conn.cursor() as cursor, cursor.copy(SQL["copy_events"], {"after": after, "upto": upto}) as copy:
            return from_copy(b"".join([bytes(block) async for block in copy]))


def from_copy(data: bytes) -> NDArray[np.void]:
    """Events from PostgreSQL's binary COPY; `-infinity` becomes NO_TIME, which it already is in bits."""
    rows = np.frombuffer(data[_HEADER:-_TRAILER], _ROW)
    events = np.empty(len(rows), EVENT_DTYPE)
    for name, _ in _FIELDS:
        events[name] = rows[name]
    for name in _TIMES:
        given = events[name] != NO_TIME
        events[name][given] += _PG_EPOCH
    return events
