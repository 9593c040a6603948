"""Native daily range partitions of `event`, made ahead of time."""

from datetime import UTC, datetime, timedelta

from psycopg import sql

from store.errors import translated
from store.pool import Connection
from store.queries import load
from store.timeseries import Way, way_of

SQL = load("store")
DAYS_AHEAD = 3
_LOCK_WAIT = "1s"


async def ensure_partitions(conn: Connection, now: datetime) -> list[str]:
    """Make the partitions of today and the next days where they lack, and name the new ones.

    A hypertable makes its own. Rows that came before their partition lie in `event_default`; a day that
    already has some there stays there, since a partition cannot be made over them.
    """
    if await way_of(conn) is Way.HYPERTABLE:
        return []
    return [name for day in _days(now, DAYS_AHEAD) if (name := await _ensure(conn, day))]


async def missing_partitions(conn: Connection, now: datetime, *, ahead: int) -> list[str]:
    """The days (ISO, UTC) from today to `ahead` days later that have no partition yet; reads only."""
    if await way_of(conn) is Way.HYPERTABLE:
        return []
    days = {_name(day): f"{day:%Y-%m-%d}" for day in _days(now, ahead)}
    with translated():
        rows = await (await conn.execute(SQL["absent_tables"], {"names": list(days)})).fetchall()
    return [days[row["name"]] for row in rows]


def _days(now: datetime, ahead: int) -> list[datetime]:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight + timedelta(days=n) for n in range(ahead + 1)]


def _name(day: datetime) -> str:
    return f"event_{day:%Y%m%d}"


async def _ensure(conn: Connection, day: datetime) -> str | None:
    name, end = _name(day), day + timedelta(days=1)
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["lock_partitions"])
            row = await (
                await conn.execute(SQL["partition_state"], {"name": name, "start": day, "end": end})
            ).fetchone()
            if row is None or row["present"] or row["in_default"]:
                return None
            await conn.execute(
                sql.SQL("CREATE TABLE {} PARTITION OF event FOR VALUES FROM ({}) TO ({})").format(
                    sql.Identifier(name), sql.Literal(day), sql.Literal(end)
                )
            )
    return name


async def drop_partitions(conn: Connection, before: datetime) -> list[str]:
    """Drop the days that were over before a moment, and such rows of `event_default`; names the days (ISO, UTC).

    A partition that is being read for longer than a second is left for the next time (`LockTimeout`).
    """
    with translated():
        rows = await (await conn.execute(SQL["event_partitions"])).fetchall()
    old = [row["name"] for row in rows if _day(row["name"]) + timedelta(days=1) <= before]
    for name in old:
        with translated():
            async with conn.transaction():
                await conn.execute(SQL["set_lock_timeout"], {"timeout": _LOCK_WAIT})
                await conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    with translated():
        await conn.execute(SQL["trim_default_partition"], {"before": before})
    return [f"{_day(name):%Y-%m-%d}" for name in old]


def _day(name: str) -> datetime:
    return datetime.strptime(name, "event_%Y%m%d").replace(tzinfo=UTC)
