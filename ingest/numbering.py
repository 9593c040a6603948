"""Numbers for event types that are not the contract's: stored and counted, whatever they are called."""

from collections.abc import Iterable

from devices.types import FIRST_UNKNOWN_ID
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("ingest")

# The column is a smallint. All types beyond share the last number's row.
LAST_ID = 32_767
OVERFLOW = "(other)"


async def load_numbers(conn: Connection) -> dict[str, int]:
    """Return the numbers given so far."""
    with translated():
        rows = await (await conn.execute(SQL["event_types"])).fetchall()
    return {row["name"]: row["id"] for row in rows}


async def number(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return a number for each name, new ones where needed; the caller holds the head row."""
    known = await load_numbers(conn)
    following = max([*known.values(), FIRST_UNKNOWN_ID - 1]) + 1
    numbers: dict[str, int] = {}
    for name in names:
        if name in known:
            numbers[name] = known[name]
        elif following < LAST_ID:
            numbers[name] = following
            await _insert(conn, following, name)
            following += 1
        else:
            numbers[name] = LAST_ID
            await _insert(conn, LAST_ID, OVERFLOW)
    return numbers


async def _insert(conn: Connection, number: int, name: str) -> None:
    with translated():
        await conn.execute(SQL["insert_event_type"], {"id": number, "name": name})
