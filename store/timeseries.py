"""How events are stored: a hypertable where TimescaleDB can be used, native partitions otherwise. Decision 0017."""

import logging
import re
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from store.errors import StoreError, translated
from store.pool import Connection
from store.queries import load

SQL = load("store")
log = logging.getLogger(__name__)

# What our statements were tried on; see tests/timescale.
OLDEST_TIMESCALEDB = (2, 22)
# Compression, continuous aggregates and policies are under this licence, not under Apache's.
COMMUNITY = "timescale"


class Way(StrEnum):
    """How events are stored."""

    HYPERTABLE = "hypertable"
    NATIVE = "native"


class Reason(StrEnum):
    """Why events are stored so."""

    USABLE = "TimescaleDB can be used"
    NOT_WANTED = "TimescaleDB is not wanted"
    NOT_AVAILABLE = "the server has no TimescaleDB"
    NOT_PRELOADED = "TimescaleDB is not in shared_preload_libraries"
    TOO_OLD = "TimescaleDB is older than 2.22"
    NOT_ALLOWED = "the role may not create the extension"
    LICENCE = "TimescaleDB's licence there is Apache's, without compression and aggregates"
    HOLDS_EVENTS = "events are stored in native partitions already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a server has. `version` is None without the extension, `licence` unknown before it is loaded."""

    version: str | None
    installed: bool
    preloaded: bool
    licence: str | None
    holds_events: bool


def decide(probe: Probe) -> Reason:
    """Whether TimescaleDB can be used (`USABLE`), or why native partitions are."""
    if probe.version is None:
        return Reason.NOT_AVAILABLE
    # A library that is loaded tells its licence, however it came to be loaded.
    if not probe.preloaded and not (probe.installed and probe.licence):
        return Reason.NOT_PRELOADED
    if _numbers(probe.version) < OLDEST_TIMESCALEDB:
        return Reason.TOO_OLD
    if probe.installed and probe.licence != COMMUNITY:
        return Reason.LICENCE
    return Reason.HOLDS_EVENTS if probe.holds_events else Reason.USABLE


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:2])


async def way_of(conn: Connection) -> Way:
    """How events are stored in this database."""
    with translated():
        row = await (await conn.execute(SQL["events_partitioned"])).fetchone()
    return Way.NATIVE if row is None or row["native"] else Way.HYPERTABLE


async def arrange(conn: Connection, *, extension: bool = True) -> Way:
    """Make events a hypertable where that is possible and none is stored yet; says how they are stored."""
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["lock_partitions"])
            if await way_of(conn) is Way.HYPERTABLE:
                return Way.HYPERTABLE
            reason = await _try(conn) if extension else Reason.NOT_WANTED
    way = Way.HYPERTABLE if reason is Reason.USABLE else Way.NATIVE
    log.info("how events are stored", extra={"way": way.value, "because": reason.value})
    return way


async def _try(conn: Connection) -> Reason:
    reason = decide(await _probe(conn))
    if reason is not Reason.USABLE:
        return reason
    try:
        async with conn.transaction() as attempt:
            await conn.execute(SQL["create_timescaledb"])
            # Its licence is known for certain only now.
            reason = decide(await _probe(conn))
            if reason is not Reason.USABLE:
                raise psycopg.Rollback(attempt)
            await _convert(conn)
    except psycopg.errors.InsufficientPrivilege:
        return Reason.NOT_ALLOWED
    return reason


async def _probe(conn: Connection) -> Probe:
    row = await (await conn.execute(SQL["timescaledb_probe"])).fetchone()
    events = await (await conn.execute(SQL["events_present"])).fetchone()
    if row is None or events is None:
        raise StoreError("a probe gave no answer")
    return Probe(**row, holds_events=events["present"])


async def _convert(conn: Connection) -> None:
    for name in ("make_hypertable", "compress_events", "count_by_hour", "count_by_day", "refresh_days"):
        await conn.execute(SQL[name])
