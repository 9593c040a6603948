"""Who holds the partition: a session's advisory lock says who may, the epoch of the head row decides. Decision 0010."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from store.errors import StoreError, translated
from store.head import Fenced
from store.pool import Connection
from store.queries import load

SQL = load("store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the partition. `mine`: its lock is this session's now; `at` is the server's clock.

    `sign` changes whenever the holder commits, and with the holder.
    """

    mine: bool
    sign: tuple[int, UUID | None]
    at: datetime


async def look(conn: Connection) -> Look:
    """Take the partition's lock if it is free; it is kept until the connection ends. Not for a session that has it."""
    with translated():
        row = await (await conn.execute(SQL["look_at_holder"])).fetchone()
    if row is None:
        raise StoreError("this database has no head row")
    return Look(mine=row["mine"], sign=(row["epoch"], row["batch"]), at=row["at"])


async def end_holder(conn: Connection) -> bool:
    """End the session that has the partition's lock. Returns whether there was one."""
    with translated():
        row = await (await conn.execute(SQL["end_holder"])).fetchone()
    return row is not None and row["ended"] > 0


async def end_writers(conn: Connection) -> int:
    """End the transactions of other sessions of this session's name. Only for who has the partition's lock.

    A holder that stopped in the middle of a COPY keeps the head row: to the server it is busy, not idle. Returns how
    many were ended.
    """
    name = conn.info.parameter_status("application_name")
    with translated():
        row = await (await conn.execute(SQL["end_writers"], {"name": name})).fetchone()
    return 0 if row is None else int(row["ended"])


async def prove(conn: Connection, epoch: int) -> None:
    """Show that the holder lives, where it has no batch to commit. Raises `Fenced` where its epoch has passed."""
    with translated():
        done = await conn.execute(SQL["prove_holding"], {"epoch": epoch, "batch": uuid4()})
    if not done.rowcount:
        raise Fenced(f"epoch {epoch} has passed: another ingest holds this partition")


async def check_epoch(conn: Connection, epoch: int) -> None:
    """Raise `Fenced` where the epoch has passed; says nothing of what comes after."""
    with translated():
        row = await (await conn.execute(SQL["epoch"])).fetchone()
    if row is None or row["epoch"] != epoch:
        raise Fenced(f"epoch {epoch} has passed: another ingest holds this partition")
