"""Reading the registry as far as a scope reaches. What is out of scope or removed is not there."""

from dataclasses import dataclass
from typing import Any

from devices.columns import FLAG_STATELESS
from devices.durations import SECOND, format_duration
from devices.scope import Scope
from devices.types import EVENT_TYPES
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("devices")

Document = dict[str, Any]
_STATE = ("last_seen", "status", "liveness", "battery", "rssi", "low", "skewed", "told")

LOW_BATTERY = 20  # per cent: our judgement, as in the rule H-03

# Kinds of devices whose events say how things are, and those events.
_TELLERS = ("door_sensor", "bed_sensor", "camera", "smoke", "gas", "leak")
_TELLING = tuple(
    number
    for name, number in EVENT_TYPES.items()
    if name.startswith(("door.", "bed.", "camera.", "smoke.", "gas.", "leak."))
)
_TYPE_NAMES = {number: name for name, number in EVENT_TYPES.items()}
_EVENTS: Document = {
    "tellers": list(_TELLERS),
    "telling": list(_TELLING),
    "stateless": FLAG_STATELESS,
    "low": LOW_BATTERY,
    "camera_disabled": EVENT_TYPES["camera.disabled"],
    "camera_offline": EVENT_TYPES["camera.offline"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Rows as documents with the keys of registry files; `next` is where the next page begins, if there is one."""

    items: list[Document]
    next: int | None


async def list_sites(
    conn: Connection,
    scope: Scope,
    *,
    street: str | None = None,
    kind: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> Page:
    return await _page(conn, "site", scope, {"street": street, "kind": kind}, after=after, limit=limit)


async def list_places(
    conn: Connection,
    scope: Scope,
    *,
    site: str | None = None,
    kind: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> Page:
    return await _page(conn, "place", scope, {"site": site, "kind": kind}, after=after, limit=limit)


async def list_residents(
    conn: Connection, scope: Scope, *, site: str | None = None, after: int | None = None, limit: int = 100
) -> Page:
    """Return residents with their care records under `care`, which not every role may see."""
    return await _page(conn, "resident", scope, {"site": site}, after=after, limit=limit)


async def list_devices(
    conn: Connection,
    scope: Scope,
    *,
    site: str | None = None,
    kind: str | None = None,
    resident: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> Page:
    """Return devices with what is known of them under `state`, whose `last_seen` is an aware datetime.

    `told` in it is {type, at}, or None where no event says how the door, bed, camera or air is.
    """
    return await _page(
        conn, "device", scope, {"site": site, "kind": kind, "resident": resident}, after=after, limit=limit
    )


async def watched_sites(
    conn: Connection,
    scope: Scope,
    *,
    street: str | None = None,
    kind: str | None = None,
    trouble: bool | None = None,
    after: int | None = None,
    limit: int = 100,
) -> Page:
    """Return {site, trouble, last_seen, kinds}: how the devices of each kind do, as far as the scope reaches."""
    filters = {"street": street, "kind": kind, "trouble": trouble, "after": after or 0, "limit": limit + 1}
    with translated():
        rows = await (await conn.execute(SQL["watched_sites"], filters | scope.params() | _EVENTS)).fetchall()
    more = rows[limit - 1]["id"] if len(rows) > limit else None
    return Page(items=[_watched(row) for row in rows[:limit]], next=more)


def _watched(row: Document) -> Document:
    row.pop("id")
    found = {name: row.pop(name) for name in ("trouble", "last_seen", "kinds")}
    return {"site": row, **found}


async def list_streets(conn: Connection, scope: Scope) -> list[str]:
    """Return the streets that have sites, sorted."""
    with translated():
        rows = await (await conn.execute(SQL["streets"], scope.params())).fetchall()
    return [row["street"] for row in rows]


async def list_contacts(
    conn: Connection, scope: Scope, *, resident: str | None = None, after: int | None = None, limit: int = 100
) -> Page:
    return await _page(conn, "contact", scope, {"resident": resident}, after=after, limit=limit)


async def get_site(conn: Connection, scope: Scope, code: str) -> Document | None:
    return await _one(conn, "site", scope, {"code": code})


async def get_place(conn: Connection, scope: Scope, site: str, code: str) -> Document | None:
    return await _one(conn, "place", scope, {"site": site, "code": code})


async def get_resident(conn: Connection, scope: Scope, code: str) -> Document | None:
    return await _one(conn, "resident", scope, {"code": code})


async def get_device(conn: Connection, scope: Scope, site: str, code: str) -> Document | None:
    return await _one(conn, "device", scope, {"site": site, "code": code})


async def get_contact(conn: Connection, scope: Scope, contact: str) -> Document | None:
    """Return the contact of this `id`."""
    return await _one(conn, "contact", scope, {"code": contact})


_NO_FILTER = dict.fromkeys(("code", "kind", "street", "site", "resident"))


async def _page(
    conn: Connection, table: str, scope: Scope, filters: Document, *, after: int | None, limit: int
) -> Page:
    """Read one row more than asked, which tells whether there is a next page."""
    params = _NO_FILTER | _EVENTS | filters | scope.params() | {"after": after or 0, "limit": limit + 1}
    with translated():
        rows = await (await conn.execute(SQL[f"list_{table}"], params)).fetchall()
    number = "number" if table == "contact" else "id"
    more = rows[limit - 1][number] if len(rows) > limit else None
    return Page(items=[_document(table, row) for row in rows[:limit]], next=more)


async def _one(conn: Connection, table: str, scope: Scope, name: Document) -> Document | None:
    page = await _page(conn, table, scope, name, after=None, limit=1)
    return page.items[0] if page.items else None


def _document(table: str, row: Document) -> Document:
    row.pop("number" if table == "contact" else "id")
    if table == "device":
        row["heartbeat"] = None if row["heartbeat"] is None else format_duration(row["heartbeat"] * SECOND)
        told, at = row.pop("told"), row.pop("told_at")
        row["told"] = None if told is None else {"type": _TYPE_NAMES[told], "at": at}
        row["state"] = {name: row.pop(name) for name in _STATE}
    return row
