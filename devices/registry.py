"""The registry in the database: importing a file as a whole or not at all."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from devices.durations import SECOND
from devices.models import as_document, heartbeat_micros
from devices.references import Known, checked
from devices.registry_file import TABLES, Draft, Problem, RegistryError, read_registry
from store.errors import translated
from store.head import InputEntry, append_input, lock_head, save_head
from store.notify import notify
from store.pool import Connection
from store.queries import load

SQL = load("devices")

INPUT_CHANNEL = "input_log"
ENTRY_ROWS = 2_000
_STATEMENT_ROWS = 5_000
_HEAD_WAIT = 10.0  # seconds
# What goes into the log: contacts are no input of the engine.
_LOGGED = ("site", "place", "resident", "device")

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """How many rows of the file were new, changed, and the same already."""

    created: int
    updated: int
    unchanged: int


async def import_registry(conn: Connection, text: str, *, file: str, by: str, now: datetime) -> ImportResult:
    """Take over a registry file; raises RegistryError, and then has changed nothing.

    The rows that the file names become what it says, others stay. `file` is what problems call it, `by` who
    imports. A row that says what is known already writes nothing.
    """
    if now.tzinfo is None:
        raise ValueError("the time of import needs an offset")
    draft = await asyncio.to_thread(read_registry, text, file=file)
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["lock_registry"])
            checked(draft, await _known(conn, draft))
            changed, result = await _write(conn, draft, now)
            await _refuse_contradictions(conn, draft.file, changed)
            if any(changed[table] for table in _LOGGED):
                await _log(conn, changed, by=by, now=now)
    return result


async def _known(conn: Connection, draft: Draft) -> Known:
    """Read what the file refers to, not the whole registry."""
    values = {table: [row.value for row in rows] for table, rows in draft.rows.items()}
    sites = {v.site for table in ("place", "resident", "device") for v in values[table]}
    places = {(v.site, v.place) for v in values["device"] if v.place}
    places |= {(v.site, v.bed) for v in values["resident"] if v.bed}
    residents = {v.resident for table in ("device", "contact") for v in values[table] if v.resident}
    gateways = {(v.site, v.gateway) for v in values["device"] if v.gateway}
    return Known(
        sites=frozenset(row["code"] for row in await _rows(conn, "known_sites", {"sites": list(sites)})),
        places={(r["site"], r["code"]): r["kind"] for r in await _rows(conn, "known_places", _pairs(places))},
        residents={
            row["code"]: row["site"] for row in await _rows(conn, "known_residents", {"residents": list(residents)})
        },
        devices={(r["site"], r["code"]): r["kind"] for r in await _rows(conn, "known_devices", _pairs(gateways))},
    )


async def _write(conn: Connection, draft: Draft, now: datetime) -> tuple[dict[str, list[int]], ImportResult]:
    """Write every table and return the ids of rows that changed, by table."""
    changed: dict[str, list[int]] = {}
    created = updated = 0
    for table in TABLES:
        rows = [_row(n, row.value) for n, row in enumerate(draft.rows[table])]
        new = await _each(conn, f"insert_{table}", rows, now)
        written = await _each(conn, f"update_{table}", rows, now)
        created += len(new)
        updated += len(written - new)
        changed[table] = sorted(new | written)
    total = sum(map(len, draft.rows.values()))
    return changed, ImportResult(created=created, updated=updated, unchanged=total - created - updated)


def _row(n: int, value: Any) -> Row:
    row = {"n": n, **as_document(value)}
    if "heartbeat" in row:
        beat = heartbeat_micros(row["kind"], row["heartbeat"])
        row["heartbeat"] = None if beat is None else f"{beat // SECOND} seconds"
    return row


async def _each(conn: Connection, name: str, rows: list[Row], now: datetime) -> set[int]:
    ids: set[int] = set()
    for chunk in _chunks(rows, _STATEMENT_ROWS):
        ids |= {row["id"] for row in await _rows(conn, name, {"rows": Jsonb(chunk), "now": now})}
    return ids


async def _refuse_contradictions(conn: Connection, file: str, changed: dict[str, list[int]]) -> None:
    rows = await _rows(conn, "contradictions", {table: changed[table] for table in ("resident", "device", "place")})
    if rows:
        raise RegistryError(
            [Problem(file=file, table=r["table"], index=0, key=r["key"], message=r["message"]) for r in rows]
        )


async def _log(conn: Connection, changed: dict[str, list[int]], *, by: str, now: datetime) -> None:
    """Put the changed rows into the log. The head row is taken last: it is held for milliseconds only."""
    documents = [
        (table, row) for table in _LOGGED for row in await _rows(conn, f"{table}_entries", {"ids": changed[table]})
    ]
    entries = [
        InputEntry(kind="registry", at=now, body={"by": by, "upsert": _by_table(chunk), "remove": {}})
        for chunk in _chunks(documents, ENTRY_ROWS)
    ]
    head = await lock_head(conn, wait=_HEAD_WAIT)
    await append_input(conn, head, entries)
    await save_head(conn, head)
    await notify(conn, INPUT_CHANNEL)


def _by_table(documents: list[tuple[str, Row]]) -> dict[str, list[Row]]:
    upsert: dict[str, list[Row]] = {}
    for table, row in documents:
        upsert.setdefault(table, []).append(row)
    return upsert


async def _rows(conn: Connection, name: str, params: Row) -> list[Row]:
    return await (await conn.execute(SQL[name], params)).fetchall()


def _pairs(names: set[tuple[str, str]]) -> Row:
    return {"sites": [site for site, _ in names], "codes": [code for _, code in names]}


def _chunks(rows: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
