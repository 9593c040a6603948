"""Events into the database by binary COPY, from one numpy structured array."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from devices.columns import NO_TIME
from store.errors import DataRefused, translated
from store.pool import Connection
from store.queries import load

SQL = load("ingest")

# PostgreSQL counts microseconds from 2000-01-01; its -infinity is the smallest integer, as NO_TIME is.
POSTGRES_EPOCH = 946_684_800_000_000

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_JSONB_VERSION = b"\x01"
_COLUMNS = ("position", "received_at", "at", "effective_at", "device", "type", "value", "seq", "boot", "flags")
_TYPES = {"position": ">i8", "received_at": ">i8", "at": ">i8", "effective_at": ">i8", "device": ">i4"} | {
    "type": ">i2",
    "value": ">f8",
    "seq": ">i8",
    "boot": ">i4",
    "flags": ">i2",
}
_TIMES = ("received_at", "at", "effective_at")


def _row_dtype() -> np.dtype[np.void]:
    """Return one row as COPY wants it: field count, then each field behind its length, the last one's still to come."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in _COLUMNS:
        fields += [(f"{name}_length", ">i4"), (name, _TYPES[name])]
    return np.dtype([*fields, ("detail_length", ">i4")])


_ROW = _row_dtype()


def copy_bytes(events: NDArray[np.void], details: Sequence[bytes]) -> bytes:
    """Return the whole COPY stream; `details` is each event's JSON."""
    rows = np.empty(len(events), _ROW)
    rows["fields"] = len(_COLUMNS) + 1
    for name in _COLUMNS:
        rows[f"{name}_length"] = np.dtype(_TYPES[name]).itemsize
        rows[name] = events[name]
    for name in _TIMES:
        rows[name] = np.where(events[name] == NO_TIME, NO_TIME, events[name] - POSTGRES_EPOCH)
    rows["detail_length"] = np.fromiter(map(len, details), np.int64, len(details)) + len(_JSONB_VERSION)
    fixed, size = rows.tobytes(), _ROW.itemsize
    pieces = [_JSONB_VERSION] * (3 * len(details))
    pieces[0::3] = [fixed[n : n + size] for n in range(0, len(fixed), size)]
    pieces[2::3] = details
    return b"".join([_HEADER, *pieces, _TRAILER])


async def copy_events(conn: Connection, events: NDArray[np.void], details: Sequence[bytes]) -> None:
    """Write the events in the caller's transaction. Raises `DataRefused` for what the database does not take."""
    if not len(events):
        return
    with translated():
        async with conn.cursor() as cursor, cursor.copy(SQL["copy_events"]) as copy:
            await copy.write(copy_bytes(events, details))


async def find_refused(conn: Connection, events: NDArray[np.void], details: Sequence[bytes]) -> dict[int, DataRefused]:
    """Return which events the database does not take, and why, by halving; nothing is written."""
    return await _find_between(conn, events, details, 0, len(events))


async def _find_between(
    conn: Connection, events: NDArray[np.void], details: Sequence[bytes], first: int, end: int
) -> dict[int, DataRefused]:
    try:
        async with conn.transaction(force_rollback=True):
            await copy_events(conn, events[first:end], details[first:end])
    except DataRefused as error:
        if end - first == 1:
            return {first: error}
        middle = (first + end) // 2
        lower = await _find_between(conn, events, details, first, middle)
        return lower | await _find_between(conn, events, details, middle, end)
    return {}
