"""The engine's state rebuilt from the log: control entries and events, in the order of positions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Engine
from alerts.schedule import micros
from devices.columns import EVENT_DTYPE, NO_TIME
from store.errors import translated
from store.head import InputEntry
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
PAGE = 50_000


async def replay(conn: Connection, engine: Engine) -> None:
    """Take in the log from the engine's position to its end."""
    with translated():
        head = await (await conn.execute(SQL["log_head"])).fetchone()
    upto = int(head["position"]) if head is not None else 0
    while engine.position < upto:
        await _stretch(conn, engine, min(upto, engine.position + PAGE))


async def _stretch(conn: Connection, engine: Engine, upto: int) -> None:
    wanted = {"after": engine.position, "upto": upto, "limit": PAGE}
    with translated():
        control = await (await conn.execute(SQL["control_page"], wanted)).fetchall()
        events = await (await conn.execute(SQL["events_page"], wanted)).fetchall()
    engine.apply([InputEntry(**row) for row in control], columns(events))
    engine.advanced_to(upto)
    engine.adopt()


def columns(rows: list[dict[str, Any]]) -> NDArray[np.void]:
    """Rows of the database as the engine's columns."""
    return np.array(
        [
            (
                row["position"], micros(row["received_at"]), NO_TIME if row["at"] is None else micros(row["at"]),
                micros(row["effective_at"]), row["device"], row["type"], row["value"], row["seq"], row["boot"],
                row["flags"],
            )
            for row in rows
        ],
        EVENT_DTYPE,
    )  # fmt: skip
