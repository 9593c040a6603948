"""What ingest does beside the log: report, flush, tidy up. None of it may stop the watch."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from ingest.batcher import wall_micros
from ingest.claims import HOLDS
from ingest.stretch import moment
from ingest.tasks import is_cancelled
from store.errors import StoreError, translated
from store.partitions import ensure_partitions
from store.pool import Connection, Pool
from store.queries import load

SQL = load("ingest")
log = logging.getLogger(__name__)

# The names under which ingest speaks of itself: whoever holds the partition, and whoever stands by.
HOLDER, STANDBY = "ingest", "standby"
QUARANTINE_ROWS = 100_000
IDENTITIES_AT_ONCE = 50_000
_LEAP = timedelta(seconds=1)
# A standby that has not spoken for so long was taken away on purpose, or somebody has been told by then.
STANDBY_GONE = timedelta(hours=1)


async def repeat(pool: Pool, seconds: float, chore: Callable[[Connection], Awaitable[None]]) -> None:
    """Do a chore about every so many seconds; with the database away it is left for the next time."""
    while not is_cancelled():
        try:
            with translated():
                async with pool.connection() as conn:
                    await chore(conn)
        except StoreError as error:
            log.info("a chore was put off", extra={"chore": chore.__name__, "error": str(error)})
        if not is_cancelled():
            await asyncio.sleep(seconds * random.uniform(0.9, 1.0))  # noqa: S311 -- jitter is no secret


async def report(conn: Connection, *, ok: bool, detail: dict[str, Any], name: str = HOLDER) -> None:
    """Say how this part is doing."""
    parameters = {"name": name, "at": moment(wall_micros()), "ok": ok, "detail": Jsonb(detail)}
    with translated():
        await conn.execute(SQL["report_part"], parameters)


async def withdraw(conn: Connection, name: str) -> None:
    """Say nothing more under this name."""
    with translated():
        await conn.execute(SQL["withdraw_part"], {"name": name})


async def tidy_up(conn: Connection) -> None:
    """Make partitions ahead of time, drop identities whose time is over, quarantine beyond its cap, standbys of old."""
    now = moment(wall_micros())
    await ensure_partitions(conn, now)
    parameters = {"horizon": now - HOLDS - _LEAP, "most": IDENTITIES_AT_ONCE}
    with translated():
        while (await conn.execute(SQL["drop_old_identities"], parameters)).rowcount == IDENTITIES_AT_ONCE:
            pass
        await conn.execute(SQL["trim_quarantine"], {"kept": QUARANTINE_ROWS})
        await conn.execute(SQL["forget_part"], {"name": STANDBY, "before": now - STANDBY_GONE})
