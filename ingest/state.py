"""What is known of devices, kept in the database: flushed now and then, changes with the log that tells them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.clocks import LagWatch
from ingest.decode import StatusWord
from ingest.liveness import LIVENESS, NEVER, NO_READING, OK, STATE_CODES, STATUSES, UNKNOWN, Change, Liveness
from ingest.stretch import moment
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("ingest")


async def load_states(conn: Connection, liveness: Liveness, lag_watch: LagWatch) -> None:
    """Take up what was known before a restart."""
    with translated():
        rows = await (await conn.execute(SQL["load_states"])).fetchall()
    lag_watch.load([row["device"] for row in rows if row["skewed"]])
    for row in rows:
        liveness.restore(
            row["device"],
            last_seen=row["last_seen"] or NEVER,
            liveness=LIVENESS.index(row["liveness"]),
            status=STATUSES.index(row["status"]) if row["status"] in STATUSES else 0,
        )


async def keep_changes(conn: Connection, changes: Sequence[Change], statuses: Sequence[StatusWord]) -> None:
    """Write in the caller's transaction what the log says in it of devices."""
    liveness = {change.device: LIVENESS[STATE_CODES[change.state]] for change in changes}
    status = {word.device: word.status for word in statuses}
    devices = sorted({*liveness, *status})
    if devices:
        parameters = {
            "devices": devices,
            "liveness": [liveness.get(device) for device in devices],
            "statuses": [status.get(device) for device in devices],
        }
        with translated():
            await conn.execute(SQL["mark_states"], parameters)


async def flush_states(conn: Connection, liveness: Liveness, lag_watch: LagWatch) -> None:
    """Write every device that something was heard of since the last flush, and the beats counted since."""
    ids, beats = liveness.take_unsaved()
    try:
        with translated():
            async with conn.transaction():
                if len(ids):
                    await conn.execute(SQL["keep_states"], _columns(liveness, lag_watch, ids))
                for hour, counts in beats.items():
                    parameters = {"hour": moment(hour), "devices": list(counts), "beats": list(counts.values())}
                    await conn.execute(SQL["keep_beats"], parameters)
    except BaseException:
        liveness.put_back_unsaved(ids, beats)
        raise


def _columns(liveness: Liveness, lag_watch: LagWatch, ids: NDArray[np.intp]) -> dict[str, Any]:
    rows = liveness.rows[ids]
    known = np.where((rows["liveness"] == UNKNOWN) & (rows["last_seen"] != NEVER), OK, rows["liveness"])
    return {
        "devices": ids.tolist(),
        "seen": [seen or None for seen in rows["last_seen"].tolist()],
        "statuses": [STATUSES[status] for status in rows["status"].tolist()],
        "liveness": [LIVENESS[code] for code in known.tolist()],
        "batteries": [None if reading == NO_READING else reading for reading in rows["battery"].tolist()],
        "rssis": [None if reading == NO_READING else reading for reading in rows["rssi"].tolist()],
        "skewed": np.isin(ids, lag_watch.skewed_devices()).tolist(),
    }
