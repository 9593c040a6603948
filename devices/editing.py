"""The registry row by row: making and changing one, by the rules of registry files, in one transaction with the log."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from devices.models import as_document
from devices.reach import Document, Name, Reason, Refused, demand, holds, read
from devices.references import Known, checked
from devices.registry import known_to, log_changes, refuse_contradictions, write_rows
from devices.registry_export import heartbeat_said
from devices.registry_file import TABLES, Draft, RegistryError, read_row
from devices.scope import Scope
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("devices")

HEAD_WAIT = 1.0  # seconds that a person's act waits for the head row
_REGISTRY_WAIT = 5.0  # seconds that it waits for an import to end
# What names a row, and so is the row: another name is another row.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "site": ("code",),
    "place": ("site", "code"),
    "resident": ("code",),
    "device": ("site", "code"),
    "contact": ("id",),
}
# On these it depends who holds a row.
_HELD_BY = ("site", "street", "resident")


@dataclass(frozen=True, kw_only=True, slots=True)
class Editor:
    """Who edits, how far their hands reach, and when."""

    by: str
    scope: Scope
    now: datetime

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("the time of an edit needs an offset")


@asynccontextmanager
async def editing(conn: Connection) -> AsyncIterator[None]:
    """Open a transaction in which nobody else changes the registry. Raises `LockTimeout`."""
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["patience"], {"timeout": f"{_REGISTRY_WAIT:.0f}s"})
            await conn.execute(SQL["lock_registry"])
            yield


async def create(conn: Connection, table: str, document: Document, editor: Editor) -> Document:
    """Register a row; one that was removed comes back under its old number. Returns it as `reading` does.

    Raises RegistryError with all that is wrong with it, and `Refused`.
    """
    draft = _draft(table, document)
    row = as_document(draft.rows[table][0].value)
    async with editing(conn):
        await demand(conn, editor.scope, table, row, new=True)
        name = tuple(row[key] for key in _NAMES[table])
        if await read(conn, Scope.DISTRICT, table, name) is not None or await _anothers(
            conn, table, name, editor.scope
        ):
            raise Refused(Reason.TAKEN, table)
        return await _write(conn, table, draft, editor)


async def _anothers(conn: Connection, table: str, name: Name, scope: Scope) -> bool:
    """Whether the name was that of a row elsewhere, whose history a new one would bring into the scope."""
    row = await (await conn.execute(SQL["site_before"], {"table": table, "code": name[-1]})).fetchone()
    return row is not None and not holds(scope, row)


async def change(conn: Connection, table: str, name: Name, patch: Document, editor: Editor) -> Document:
    """Change a row by a merge patch (RFC 7396): null clears. Returns it as `reading` does.

    Raises RegistryError with all that would be wrong with it, and `Refused`.
    """
    async with editing(conn):
        before = _said(table, await held(conn, table, name, editor.scope))
        draft = _draft(table, merged(before, patch))
        after = as_document(draft.rows[table][0].value)
        if any(after[key] != before[key] for key in _NAMES[table]):
            raise RegistryError([_renamed(draft, table)])
        if any(after.get(key) != before.get(key) for key in _HELD_BY):
            await demand(conn, editor.scope, table, after, new=True)
        return await _write(conn, table, draft, editor)


async def held(conn: Connection, table: str, name: Name, scope: Scope) -> Document:
    """Return a row that the scope holds. Raises `Refused`."""
    found = await read(conn, scope, table, name)
    if found is None:
        raise Refused(Reason.ABSENT, table)
    await demand(conn, scope, table, found, new=False)
    return found


def merged(target: Any, patch: Any) -> Any:
    """Return what a merge patch makes of a value (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _said(table: str, found: Document) -> Document:
    """Return a row as a file says it."""
    row = {field.name: found[field.name] for field in msgspec.structs.fields(TABLES[table])}
    if table == "device":
        row["heartbeat"] = heartbeat_said(row["kind"], row["heartbeat"])
    return row


def _draft(table: str, row: Document) -> Draft:
    draft = Draft("")
    read_row(draft, table, 0, row)
    if draft.problems:
        raise RegistryError(draft.problems)
    return draft


def _renamed(draft: Draft, table: str) -> Any:
    draft.add(table, 0, _NAMES[table][-1], "is the row's name: register another row, and remove this one")
    return draft.problems[-1]


async def _write(conn: Connection, table: str, draft: Draft, editor: Editor) -> Document:
    row = draft.rows[table][0].value
    checked(draft, _visible(await known_to(conn, draft), table, row, editor.scope))
    changed, _ = await write_rows(conn, draft, editor.now)
    await refuse_contradictions(conn, draft.file, changed)
    await log_changes(conn, changed, {}, by=editor.by, now=editor.now, wait=HEAD_WAIT)
    written = await read(conn, Scope.DISTRICT, table, tuple(getattr(row, key) for key in _NAMES[table]))
    if written is None:
        raise Refused(Reason.ABSENT, table)
    return written


def _visible(known: Known, table: str, row: Any, scope: Scope) -> Known:
    """Leave out residents of other sites, of whom a narrower scope may not know that they exist."""
    if scope.whole or table != "device":
        return known
    return replace(known, residents={code: site for code, site in known.residents.items() if site == row.site})
