"""Checkpoints against their database: which one continues its log, and which is thrown away. Decision 0011."""

import asyncio
import logging
import time
from pathlib import Path

from alerts.checkpoint import Checkpoint, Mark, Snapshot, Unusable, discard, read
from alerts.engine import Engine
from alerts.graph import NotCarried
from alerts.schedule import micros
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
log = logging.getLogger(__name__)


async def restored(conn: Connection, path: Path) -> Engine | None:
    """The engine as the checkpoint at `path` has it; None where there is none, or one that must be thrown away."""
    try:
        kept = await asyncio.to_thread(read, path)
        if kept is None:
            return None
        await _check(conn, kept)
        return await asyncio.to_thread(kept.restore)
    except (Unusable, KeyError, TypeError, ValueError) as error:
        throw_away(path, str(error) if isinstance(error, Unusable) else "its content makes no state")
        return None


def throw_away(path: Path, reason: str) -> None:
    """Remove it, and say why; what follows is read from the log instead."""
    log.warning("the checkpoint is thrown away: the state is rebuilt from the log", extra={"reason": reason})
    discard(path)


async def _check(conn: Connection, kept: Checkpoint) -> None:
    """Raise `Unusable` unless this database's log is the one that the checkpoint was taken of."""
    mark = kept.mark
    with translated():
        row = await (await conn.execute(SQL["checkpoint_fits"], {"position": mark.position, "log_id": mark.log_id})
        ).fetchone()  # fmt: skip
    if row is None or str(row["database_id"]) != mark.database:
        raise Unusable("it is of another database")
    if mark.epoch > row["epoch"]:
        raise Unusable("its epoch has not come yet: the database is older")
    if mark.position > row["position"]:
        raise Unusable("the log does not reach so far: the database is older")
    if row["at"] is None or micros(row["at"]) != mark.at:
        raise Unusable("the log has another entry at its position")
    if mark.log_id and (row["chain"] is None or bytes(row["chain"]).hex() != mark.chain):
        raise Unusable("the alert log has another chain")


def keep(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot; a disk that is full costs the next start its time, and nothing else."""
    began = time.monotonic()
    try:
        size = snapshot.write(path)
    except (OSError, NotCarried) as error:
        log.error("the checkpoint was not written", extra={"error": type(error).__name__})  # noqa: TRY400 -- told whole
        return
    extra = {"position": snapshot.mark.position, "bytes": size, "seconds": round(time.monotonic() - began, 3)}
    log.info("a checkpoint is written", extra=extra)


async def database_id(conn: Connection) -> str:
    """What no other database has."""
    with translated():
        row = await (await conn.execute(SQL["database_id"])).fetchone()
    return "" if row is None else str(row["database_id"])


def snapshot_of(engine: Engine, mark: Mark) -> Snapshot | None:
    """A copy of the state; None, loudly, where a part of it cannot be carried."""
    try:
        return Snapshot(engine, mark)
    except NotCarried as error:
        log.error("no checkpoint can be made", extra={"reason": str(error)})  # noqa: TRY400 -- told whole
        return None
