"""Stretches of the alert log that are gone for their age: what its chain needs to go on behind each of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Log ids from `first` to `upto` are gone; `chain` is that of the last of them."""

    first: int
    upto: int
    chain: bytes


async def read_gaps(conn: Connection) -> list[Gap]:
    """All of them, in order."""
    with translated():
        rows = await (await conn.execute(SQL["log_gaps"])).fetchall()
    return [Gap(first=row["first"], upto=row["upto"], chain=bytes(row["chain"])) for row in rows]


def joined(gaps: Iterable[Gap]) -> list[Gap]:
    """Neighbours made one, in order."""
    found: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: gap.first):
        if found and found[-1].upto + 1 == gap.first:
            gap = Gap(first=found.pop().first, upto=gap.upto, chain=gap.chain)  # noqa: PLW2901 -- it grows backwards
        found.append(gap)
    return found


async def widen_gaps(conn: Connection, gone: Iterable[tuple[int, bytes]]) -> None:
    """Rows (log id, chain) are gone as well; within the caller's transaction, after `lock_gaps`."""
    new = [Gap(first=log_id, upto=log_id, chain=chain) for log_id, chain in gone]
    gaps = joined([*await read_gaps(conn), *new])
    columns = {name: [getattr(gap, name) for gap in gaps] for name in ("first", "upto", "chain")}
    with translated():
        await conn.execute(SQL["delete_gaps"])
        await conn.execute(SQL["insert_gaps"], columns)
