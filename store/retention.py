"""What is older than it is to be kept goes, and that is told. Decision 0017.

The control entries of `input_log` and the registry stay: the engine is rebuilt from them.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from store.errors import StoreError, translated
from store.gaps import widen_gaps
from store.partitions import drop_partitions
from store.pool import Connection
from store.queries import load
from store.timeseries import Way, way_of

SQL = load("store")
log = logging.getLogger(__name__)

POSITIONS_AT_ONCE = 1_000_000
ALERTS_AT_ONCE = 1_000

What = Literal["events", "counts", "heartbeats", "quarantine", "alerts", "deletions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long things are kept: `events` from their receipt, `alerts` (with all that belongs to them) from closing."""

    events: timedelta = timedelta(days=180)
    quarantine: timedelta = timedelta(days=30)
    alerts: timedelta = timedelta(days=3 * 365)


async def count_events(conn: Connection) -> None:
    """Take into the counts by hour what they lack. A hypertable's aggregates do that by themselves."""
    if await way_of(conn) is Way.HYPERTABLE:
        return
    while await _count_some(conn):
        pass


async def _count_some(conn: Connection) -> bool:
    with translated():
        async with conn.transaction():
            row = await (await conn.execute(SQL["uncounted"])).fetchone()
            if row is None or row["upto"] >= row["position"]:
                return False
            upto: int = min(row["position"], row["upto"] + POSITIONS_AT_ONCE)
            await conn.execute(SQL["count_events"], {"after": row["upto"], "upto": upto})
            await conn.execute(SQL["counted_upto"], {"upto": upto})
            return upto < int(row["position"])


async def drop_old(conn: Connection, keep: Keep, now: datetime) -> None:
    """Delete what is too old, count events before they go, and tell what went: in the log and in `deletion`.

    What cannot be deleted now (`StoreError`) is told and left for the next time; the rest goes.
    """
    for work in (_drop_events, _delete_rows, _delete_alerts):
        await _attempt(work, conn, keep, now)


async def _attempt(
    work: Callable[[Connection, Keep, datetime], Awaitable[None]], conn: Connection, keep: Keep, now: datetime
) -> None:
    try:
        with translated():
            await work(conn, keep, now)
    except StoreError as error:
        log.warning("old data could not be deleted now", extra={"work": work.__name__, "error": str(error)})


# ---------------------------------------------------------------- events
async def _drop_events(conn: Connection, keep: Keep, now: datetime) -> None:
    await count_events(conn)
    if await way_of(conn) is Way.HYPERTABLE:
        await _drop_chunks(conn, keep, now)
        return
    if days := await drop_partitions(conn, now - keep.events):
        await _tell(conn, "events", now - keep.events, len(days), {"first": days[0], "last": days[-1]})


async def _drop_chunks(conn: Connection, keep: Keep, now: datetime) -> None:
    job = await _retention_job(conn, keep)
    chunks = await _rows(conn, "old_chunks", keep=keep.events)
    if not chunks:
        return
    # Not in a transaction: both are procedures that make their own.
    await conn.execute(SQL["refresh_hours"], {"start": chunks[0]["range_start"], "end": chunks[-1]["range_end"]})
    await conn.execute(SQL["run_job"], {"job": job})
    left = {row["name"] for row in await _rows(conn, "old_chunks", keep=keep.events)}
    if days := [f"{row['range_start']:%Y-%m-%d}" for row in chunks if row["name"] not in left]:
        await _tell(conn, "events", now - keep.events, len(days), {"first": days[0], "last": days[-1]})


async def _retention_job(conn: Connection, keep: Keep) -> int:
    """The number of TimescaleDB's job, made anew where it keeps events for another time."""
    found = await _rows(conn, "retention_job")
    if not found or found[0]["drop_after"] != keep.events:
        async with conn.transaction():
            await conn.execute(SQL["end_retention"])
            await conn.execute(SQL["begin_retention"], {"keep": keep.events})
        found = await _rows(conn, "retention_job")
    return int(found[0]["job_id"])


# ---------------------------------------------------------------- what lies in plain tables
async def _delete_rows(conn: Connection, keep: Keep, now: datetime) -> None:
    await _delete(conn, "heartbeats", "delete_old_heartbeats", now - keep.events)
    await _delete(conn, "quarantine", "delete_old_quarantine", now - keep.quarantine)
    await _delete(conn, "deletions", "delete_old_deletions", now - keep.alerts)
    if await way_of(conn) is Way.NATIVE:
        await _delete(conn, "counts", "delete_old_counts", now - keep.alerts)
    elif chunks := await _rows(conn, "drop_old_counts", keep=keep.alerts):
        await _tell(conn, "counts", now - keep.alerts, len(chunks))


async def _delete(conn: Connection, what: What, statement: str, before: datetime) -> None:
    async with conn.transaction():
        gone = (await conn.execute(SQL[statement], {"before": before})).rowcount
        if gone:
            await _tell(conn, what, before, gone)


# ---------------------------------------------------------------- alerts
async def _delete_alerts(conn: Connection, keep: Keep, now: datetime) -> None:
    """Alerts that were closed long ago go with their log, whose chain stays verifiable. Open ones never do."""
    while await _delete_some_alerts(conn, now - keep.alerts) == ALERTS_AT_ONCE:
        pass


async def _delete_some_alerts(conn: Connection, before: datetime) -> int:
    async with conn.transaction():
        await conn.execute(SQL["lock_gaps"])
        await conn.execute(SQL["allow_deletion"], {"before": before})
        expired = await _rows(conn, "expired_alerts", before=before, most=ALERTS_AT_ONCE)
        alerts = {"alerts": [row["id"] for row in expired]}
        if not expired:
            return 0
        await conn.execute(SQL["delete_notes"], alerts)
        gone = await _rows(conn, "delete_log", **alerts)
        await widen_gaps(conn, [(row["log_id"], bytes(row["chain"])) for row in gone])
        for statement in ("delete_occurrences", "orphan_alerts", "delete_alerts"):
            await conn.execute(SQL[statement], alerts)
        await _tell(conn, "alerts", before, len(expired), {"log_entries": len(gone)})
        return len(expired)


async def _tell(
    conn: Connection, what: What, before: datetime, amount: int, detail: dict[str, Any] | None = None
) -> None:
    told = detail or {}
    await conn.execute(SQL["note_deletion"], {"what": what, "before": before, "amount": amount, "detail": Jsonb(told)})
    log.info("deleted for its age", extra={"what": what, "before": before.isoformat(), "amount": amount, **told})


async def _rows(conn: Connection, name: str, **parameters: object) -> list[dict[str, Any]]:
    return await (await conn.execute(SQL[name], parameters)).fetchall()
