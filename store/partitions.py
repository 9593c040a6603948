"""Native daily range partitions of `event`, made ahead of time."""

from datetime import UTC, datetime, timedelta

from psycopg import sql

from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("store")
DAYS_AHEAD = 3


async def ensure_partitions(conn: Connection, now: datetime) -> list[str]:
    """Make the partitions of today and the next days where they lack, and name the new ones.

    Rows that came before their partition lie in `event_default`; a day that already has some there
    stays there, since a partition cannot be made over them.
    """
    return [name for day in _days(now, DAYS_AHEAD) if (name := await _ensure(conn, day))]


async def missing_partitions(conn: Connection, now: datetime, *, ahead: int) -> list[str]:
    """The days (ISO, UTC) from today to `ahead` days later that have no partition yet; reads only."""
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
