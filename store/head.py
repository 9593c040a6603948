"""The head row: order, fencing, and whether a COMMIT happened. Decision 0002."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("store")


class Fenced(Exception):
    """Another holder has raised the epoch: whoever gets this must stop and disconnect."""


@dataclass(slots=True, kw_only=True)
class Head:
    """The head row as locked by this transaction; changes count once `save_head` wrote them.

    `judged`: what the engine finds in the log up to this position is written.
    """

    epoch: int
    position: int
    log_id: int
    chain: bytes
    batch: UUID | None
    alive_at: datetime | None
    judged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEntry:
    """An input of the engine that is no event. `at` is when it took effect; position 0 means not yet placed."""

    kind: str
    at: datetime
    body: dict[str, Any]
    position: int = 0

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("an entry's time needs an offset")


async def lock_head(conn: Connection, *, epoch: int | None = None, wait: float | None = None) -> Head:
    """Lock the row until the caller's transaction ends.

    Raises `Fenced` where `epoch` is given and has passed, `LockTimeout` after `wait` seconds.
    """
    with translated():
        if wait is not None:
            await conn.execute(SQL["set_lock_timeout"], {"timeout": f"{round(wait * 1000)}ms"})
        row = await (await conn.execute(SQL["lock_head"])).fetchone()
        if wait is not None:
            await conn.execute(SQL["set_lock_timeout"], {"timeout": "0"})
    if row is None or (epoch is not None and row["epoch"] != epoch):
        raise Fenced(f"epoch {epoch} has passed: another ingest holds this partition")
    return Head(**{**row, "chain": bytes(row["chain"])})


async def save_head(conn: Connection, head: Head) -> None:
    """Write back what the transaction made of the head."""
    with translated():
        await conn.execute(
            SQL["save_head"],
            {
                "position": head.position,
                "log_id": head.log_id,
                "chain": head.chain,
                "batch": head.batch,
                "alive_at": head.alive_at,
                "judged": head.judged,
            },
        )


async def raise_epoch(conn: Connection, *, wait: float | None = None) -> int:
    """Become the holder: whoever held the partition before is fenced from now on. Returns the new epoch.

    Raises `LockTimeout` after `wait` seconds.
    """
    with translated():
        async with conn.transaction():
            if wait is not None:
                await conn.execute(SQL["set_lock_timeout"], {"timeout": f"{round(wait * 1000)}ms"})
            row = await (await conn.execute(SQL["raise_epoch"])).fetchone()
    if row is None:
        raise Fenced("this database has no head row")
    return int(row["epoch"])


async def append_input(conn: Connection, head: Head, entries: Sequence[InputEntry]) -> list[InputEntry]:
    """Place entries at the next positions of `head` (which the caller saves) and return them placed."""
    placed = [
        InputEntry(kind=e.kind, at=e.at, body=e.body, position=head.position + n) for n, e in enumerate(entries, 1)
    ]
    with translated():
        async with conn.cursor() as cursor:
            await cursor.executemany(
                SQL["insert_input"],
                [{"position": e.position, "kind": e.kind, "at": e.at, "body": Jsonb(e.body)} for e in placed],
            )
    head.position += len(placed)
    return placed


async def read_input(conn: Connection, after: int, upto: int | None = None) -> list[InputEntry]:
    """The entries after a position, in order, up to another where one is given."""
    with translated():
        rows = await (await conn.execute(SQL["read_input"], {"after": after, "upto": upto})).fetchall()
    return [InputEntry(**row) for row in rows]
