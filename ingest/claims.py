"""Identities taken for 7 days in a plain table: what is new, and what was there before."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ingest.identity import Identity
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("ingest")
HOLDS = timedelta(days=7)


async def claim(conn: Connection, identities: Sequence[Identity], now: datetime) -> NDArray[np.bool_]:
    """Take the identities in the caller's transaction and return which events are to be stored."""
    if not identities:
        return np.zeros(0, np.bool_)
    keys = dict.fromkeys(identity.key.hex() for identity in identities)
    parameters = {"keys": "{" + ",".join(keys) + "}", "now": now, "horizon": now - HOLDS}
    with translated():
        rows = await (await conn.execute(SQL["claim_identities"], parameters)).fetchall()
    return _fresh(identities, {bytes.fromhex(row["key"]) for row in rows})


def _fresh(identities: Sequence[Identity], held: set[bytes]) -> NDArray[np.bool_]:
    """Return what is no duplicate of an earlier batch's event or of an earlier one in this batch."""
    if not held and len({identity.key for identity in identities}) == len(identities):
        return np.ones(len(identities), np.bool_)
    fresh = np.ones(len(identities), np.bool_)
    for n, (key, own) in enumerate(identities):
        fresh[n] = not (own and key in held)
        held.add(key)
    return fresh
