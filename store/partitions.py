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
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight + timedelta(days=n) for n in range(DAYS_AHEAD + 1)]
    return [name for day in days if (name := await _ensure(conn, day))]


async def _ensure(conn: Connection, day: datetime) -> str | None:
    name, end = f"event_{day:%Y%m%d}", day + timedelta(days=1)
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
