"""How far a principal's hands reach: what a scope sees it may not always change."""

from enum import StrEnum
from typing import Any

from devices.reading import get_contact, get_device, get_place, get_resident, get_site
from devices.scope import Scope
from store.pool import Connection

Document = dict[str, Any]
Name = tuple[str, ...]


class Reason(StrEnum):
    """Why a row cannot be changed."""

    ABSENT = "it is not there, or out of scope"
    BEYOND = "the scope shows it, and does not hold it"
    TAKEN = "its name is taken"


class Refused(Exception):
    """Nothing was changed. `table` is what the reason is about: of a new place, its site may be absent."""

    def __init__(self, reason: Reason, table: str) -> None:
        super().__init__(f"{table}: {reason.value}")
        self.reason = reason
        self.table = table


async def read(conn: Connection, scope: Scope, table: str, name: Name) -> Document | None:
    """Return a row by its name: (code,), of places and devices (site, code)."""
    match table:
        case "site":
            return await get_site(conn, scope, *name)
        case "place":
            return await get_place(conn, scope, *name)
        case "device":
            return await get_device(conn, scope, *name)
        case "resident":
            return await get_resident(conn, scope, *name)
        case _:
            return await get_contact(conn, scope, *name)


async def demand(conn: Connection, scope: Scope, table: str, row: Document, *, new: bool) -> None:
    """Raise `Refused` unless the scope holds a row, by its street or site, or by whom it belongs to.

    A resident in scope is held with contacts and devices, not with the site. What is `new` at its site is held by
    the site alone: nobody brings a resident of theirs to a site that is not.
    """
    if scope.whole:
        return
    site = await _site_of(conn, table, row)
    if holds(scope, site) or _person(table, row, new=new) in scope.residents:
        return
    if table == "site" and new:
        raise Refused(Reason.ABSENT, "street")
    parent = "resident" if table == "contact" else "site"
    seen = await read(conn, scope, parent, (row["resident"] if table == "contact" else site["code"],))
    raise Refused(Reason.ABSENT if seen is None else Reason.BEYOND, parent if new else table)


def holds(scope: Scope, site: Document) -> bool:
    """Whether a scope holds all of a site, given with its street."""
    return scope.whole or site["street"] in scope.streets or site["code"] in scope.sites


async def _site_of(conn: Connection, table: str, row: Document) -> Document:
    if table == "site":
        return row
    code = row.get("site")
    if table == "contact":
        resident = await get_resident(conn, Scope.DISTRICT, row["resident"])
        if resident is None:
            raise Refused(Reason.ABSENT, "resident")
        code = resident["site"]
    site = await get_site(conn, Scope.DISTRICT, str(code))
    if site is None:
        raise Refused(Reason.ABSENT, "site")
    return site


def _person(table: str, row: Document, *, new: bool) -> str | None:
    if table == "contact":
        return str(row["resident"])
    if new or table not in {"resident", "device"}:
        return None
    person: str | None = row["code"] if table == "resident" else row["resident"]
    return person
