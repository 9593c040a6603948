"""Finding presses in the database: by identity, by their row, or in quarantine."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from devices.columns import NO_TIME
from devices.types import EVENT_TYPES
from ingest.claims import HOLDS
from ingest.identity import identity_key
from ingest.lookout.outstanding import MOST_OF_SENDER, Outcome
from ingest.lookout.presses import Press
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("ingest")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Found(NamedTuple):
    """A press that is committed; `row` is the event's position where one row is one press."""

    key: str
    outcome: Outcome
    row: int | None = None


class Looked(NamedTuple):
    """What was found, all of it caused by what the alert log holds up to `log_id`."""

    found: list[Found]
    log_id: int


async def look(conn: Connection, presses: Sequence[Press], taken: Container[int]) -> Looked:
    """Look for presses; rows that are `taken` are other presses'. Raises `StoreError`."""
    devices = await _devices(conn, presses)
    readable = [press for press in presses if press.readable and press.name in devices]
    found = await _identities(conn, [press for press in readable if press.parts is not None], devices)
    found += await _rows(conn, [press for press in readable if press.parts is None], devices, taken)
    settled = {each.key for each in found}
    found += await _quarantined(conn, [press for press in presses if press.key not in settled])
    # Read last: what is found was committed before, and with it all it caused.
    (end,) = await _ask(conn, "lookout_end")
    return Looked(found, int(end["log_id"]))


async def _devices(conn: Connection, presses: Iterable[Press]) -> dict[str, int]:
    sites, devices = {press.site for press in presses}, {press.device for press in presses}
    rows = await _ask(conn, "lookout_devices", sites=list(sites), devices=list(devices))
    return {row["name"]: row["id"] for row in rows}


async def _identities(conn: Connection, presses: Sequence[Press], devices: Mapping[str, int]) -> list[Found]:
    if not presses:
        return []
    keys = {identity_key(devices[p.name], p.type, p.parts or ()).hex(): p.key for p in presses}
    rows = await _ask(conn, "lookout_identities", keys=list(keys), horizon=datetime.now(UTC) - HOLDS)
    return [Found(keys[row["key"]], Outcome.RECORDED) for row in rows]


async def _rows(
    conn: Connection, presses: Sequence[Press], devices: Mapping[str, int], taken: Container[int]
) -> list[Found]:
    """Give each press a row of its own, the earliest first."""
    if not presses:
        return []
    rows = await _ask(
        conn,
        "lookout_rows",
        ns=list(range(len(presses))),
        devices=[devices[press.name] for press in presses],
        types=[EVENT_TYPES[press.type] for press in presses],
        ats=[_stored(press.at) for press in presses],
        since=[_moment(press.since) for press in presses],
        most=2 * MOST_OF_SENDER,
    )
    given: dict[int, int] = {}
    used: set[int] = set()
    for row in rows:
        if row["n"] not in given and row["position"] not in taken and row["position"] not in used:
            given[row["n"]] = row["position"]
            used.add(row["position"])
    return [Found(presses[n].key, Outcome.RECORDED, position) for n, position in given.items()]


async def _quarantined(conn: Connection, presses: Sequence[Press]) -> list[Found]:
    if not presses:
        return []
    since = _moment(min(press.since for press in presses))
    rows = await _ask(conn, "lookout_quarantined", sources=list({p.source for p in presses}), since=since)
    held: dict[tuple[str, str], datetime] = {}
    for row in rows:
        name = (row["source"], row["digest"])
        held[name] = max(row["received_at"], held.get(name, _EPOCH))
    return [
        Found(press.key, Outcome.QUARANTINED)
        for press in presses
        if any(held.get((press.source, kept), _EPOCH) >= _moment(press.since) for kept in press.kept)
    ]


async def _ask(conn: Connection, query: str, **parameters: Any) -> list[dict[str, Any]]:
    with translated():
        return await (await conn.execute(SQL[query], parameters)).fetchall()


def _stored(at: int) -> str:
    return "-infinity" if at == NO_TIME else _moment(at).isoformat()


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
