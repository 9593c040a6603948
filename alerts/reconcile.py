"""After a replay: the alerts that the log gives against those that the database holds.

They differ only where the engine itself has changed since the log was written. What a person sees is then what counts:
the engine takes over the open alerts and goes on numbering after the last, rather than stop watching.
"""

import logging
from typing import Any

import numpy as np

from alerts.engine import Engine
from alerts.findings import NO_SEVERITY, SUBJECTS
from alerts.watch import Watch
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
log = logging.getLogger(__name__)

Key = tuple[str, int, int]
_COLUMNS = ("alert", "severity", "active", "parent", "held")
Open = tuple[int, int, bool, int, bool]
_NOTHING: Open = (0, NO_SEVERITY, False, 0, False)


async def agrees(conn: Connection, engine: Engine) -> bool:
    """Whether the engine's open alerts, and the number of its next, are those of the database."""
    rows, number = await _held(conn)
    return _found(engine) == {_key(row): _standing(row) for row in rows} and engine.next_alert == number


async def reconcile(conn: Connection, engine: Engine) -> bool:
    """Make the engine's open alerts those of the database. Returns whether they were already."""
    rows, number = await _held(conn)
    wanted, found = {_key(row): _standing(row) for row in rows}, _found(engine)
    if found == wanted and engine.next_alert == number:
        return True
    log.error(
        "the log gives other alerts than the database holds: those of the database are taken over",
        extra={"differ": len(set(found.items()) ^ set(wanted.items())), "log": engine.next_alert, "database": number},
    )
    engine.number_from(number)
    for watch in engine.watches.values():
        mine = [row for row in rows if row["rule"] == watch.terms.rule.code]
        _enlist(watch, mine)
        _take_over(watch, wanted)
    engine.adopt()
    return False


async def _held(conn: Connection) -> tuple[list[dict[str, Any]], int]:
    """The open alerts of the database, and the number of its next."""
    with translated():
        rows = await (await conn.execute(SQL["open_of_engine"])).fetchall()
        newest = await (await conn.execute(SQL["newest_alert"])).fetchone()
    return rows, 1 + (newest["id"] if newest is not None else 0)


def _found(engine: Engine) -> dict[Key, Open]:
    return {key: value for watch in engine.watches.values() for key, value in _open(watch).items()}


def _key(row: dict[str, Any]) -> Key:
    return row["rule"], int(SUBJECTS[row["subject_kind"]]), row["subject"]


def _standing(row: dict[str, Any]) -> Open:
    return row["id"], row["severity"], row["active"], row["parent"], row["held"]


def _open(watch: Watch) -> dict[Key, Open]:
    code = watch.terms.rule.code
    return {
        (code, int(watch.kind[row]), int(watch.subject[row])): (
            int(watch.alert[row]), int(watch.severity[row]), bool(watch.active[row]), int(watch.parent[row]),
            bool(watch.held[row]),
        )
        for row in np.flatnonzero(watch.alert[: watch.size])
    }  # fmt: skip


def _enlist(watch: Watch, rows: list[dict[str, Any]]) -> None:
    """Give a row to every subject of an open alert that has none."""
    for row in rows:
        kind, ids = SUBJECTS[row["subject_kind"]], np.array([row["subject"]], np.intp)
        if watch.rows_of(kind, ids)[0] < 0:
            watch.enlist(kind, ids, np.array([row["site"]], np.intp))


def _take_over(watch: Watch, wanted: dict[Key, Open]) -> None:
    rows = np.arange(watch.size, dtype=np.intp)
    watch.touch(rows)
    for row in rows:
        key = (watch.terms.rule.code, int(watch.kind[row]), int(watch.subject[row]))
        if key in wanted or watch.alert[row]:
            for column, value in zip(_COLUMNS, wanted.get(key, _NOTHING), strict=True):
                getattr(watch, column)[row] = value
