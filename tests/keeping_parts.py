"""Events of many days, and what must be true of them and of their counts however they are stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

from store.pool import Connection
from store.retention import Keep, drop_old

DAYS = 200
KEEP = Keep(events=timedelta(days=180))
# Two devices, an event every three hours each, of the type's number 1 and 2; positions as the log gives them.
FILL = """
INSERT INTO event (position, received_at, at, effective_at, device, type, value, seq, boot, flags, detail)
SELECT row_number() OVER (ORDER BY moment, device), moment, '-infinity', moment, device, device, 'NaN', -1, 0, 0, '{}'
  FROM generate_series(%s::timestamptz, %s::timestamptz, interval '3 hours') AS moment, generate_series(1, 2) AS device
"""


async def fill_events(conn: Connection, now: datetime, days: int = DAYS) -> int:
    """Events up to now, the head behind them; returns how many."""
    await conn.execute(FILL, [now - timedelta(days=days), now])
    await conn.execute("UPDATE head SET position = (SELECT max(position) FROM event)")
    return await number(conn, "SELECT count(*) FROM event")


async def number(conn: Connection, query: str, *values: object) -> int:
    """The one number of a query."""
    (row,) = await rows(conn, query, *values)
    return int(next(iter(row.values())))


async def rows(conn: Connection, query: str, *values: object) -> list[dict[str, Any]]:
    return await (await conn.execute(query.encode(), values or None)).fetchall()


async def check_dropping(conn: Connection) -> None:
    """Old events go by whole days, their counts stay, what went is told once, and the rest is untouched."""
    now = datetime.now(UTC)
    stored = await fill_events(conn, now)
    before = await _counts(conn)
    assert (await number(conn, "SELECT sum(events) FROM event_hour"), before) == (stored, await _counted(conn))
    horizon = now - KEEP.events
    young = await number(conn, "SELECT count(*) FROM event WHERE received_at >= %s", horizon)
    await drop_old(conn, KEEP, now)
    assert await number(conn, "SELECT count(*) FROM event WHERE received_at >= %s", horizon) == young
    assert await number(conn, "SELECT count(*) FROM event WHERE received_at < %s", horizon - timedelta(days=1)) == 0
    assert await _counts(conn) == before
    assert await number(conn, "SELECT sum(events) FROM event_day") == stored
    (told,) = await rows(conn, "SELECT what, amount, detail FROM deletion")
    assert (told["what"], told["amount"]) == ("events", DAYS - 180)
    assert told["detail"]["first"] == f"{now - timedelta(days=DAYS):%Y-%m-%d}"
    await drop_old(conn, KEEP, now)
    assert await number(conn, "SELECT count(*) FROM deletion") == 1


async def _counts(conn: Connection) -> list[dict[str, Any]]:
    return await rows(conn, "SELECT day, device, type, events FROM event_day ORDER BY day, device, type")


async def _counted(conn: Connection) -> list[dict[str, Any]]:
    query = """
    SELECT date_trunc('day', received_at, 'Asia/Shanghai') AS day, device, type, count(*) AS events
      FROM event GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """
    return await rows(conn, query)
