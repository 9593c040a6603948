"""The whole registry as a file that imports again unchanged."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from devices.models import heartbeat_micros
from devices.reading import Page, list_contacts, list_devices, list_places, list_residents, list_sites
from devices.registry_file import TABLES
from devices.scope import Scope
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("devices")

_PAGE = 5_000
_LISTS: Mapping[str, Callable[..., Awaitable[Page]]] = {
    "site": list_sites,
    "place": list_places,
    "resident": list_residents,
    "device": list_devices,
    "contact": list_contacts,
}


async def export_registry(conn: Connection) -> str:
    """Return the registry as TOML, each table in the order of registration, as of one moment."""
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["one_moment"])
            rows = [row async for row in _rows(conn)]
    return "\n".join(rows)


async def _rows(conn: Connection) -> AsyncIterator[str]:
    for table, read in _LISTS.items():
        after: int | None = 0
        while after is not None:
            page = await read(conn, Scope.DISTRICT, after=after, limit=_PAGE)
            for row in page.items:
                yield _row(table, row)
            after = page.next


def _row(table: str, row: Mapping[str, Any]) -> str:
    """Write the keys that say something which the defaults do not."""
    given = dict(row)
    if table == "device":
        given["heartbeat"] = heartbeat_said(given["kind"], given["heartbeat"])
    lines = [f"[[{table}]]"]
    for field in msgspec.structs.fields(TABLES[table]):
        value = given[field.name]
        if field.required or value != _default(field):
            lines.append(f"{field.name} = {_value(value)}")
    return "\n".join(lines) + "\n"


def heartbeat_said(kind: str, heartbeat: str | None) -> str | None:
    """Return what a file says: nothing where the kind's default holds."""
    said = heartbeat or "0s"
    return None if heartbeat_micros(kind, None) == heartbeat_micros(kind, said) else said


def _default(field: msgspec.structs.FieldInfo) -> Any:
    default = msgspec.to_builtins(field.default)
    return list(default) if isinstance(default, tuple) else default


def _value(value: Any) -> str:
    """Return a value as TOML: its texts escape like JSON's, but for DEL."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
