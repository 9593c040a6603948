"""The registry in the database: importing a file as a whole or not at all."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
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
LOGGED = ("site", "place", "resident", "device")

Row = dict[str, Any]
Ids = Mapping[str, Sequence[int]]  # of rows, by table


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
            checked(draft, await known_to(conn, draft))
            changed, result = await write_rows(conn, draft, now)
            await refuse_contradictions(conn, draft.file, changed)
            await log_changes(conn, changed, {}, by=by, now=now, wait=_HEAD_WAIT)
    return result


async def known_to(conn: Connection, draft: Draft) -> Known:
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


async def write_rows(conn: Connection, draft: Draft, now: datetime) -> tuple[dict[str, list[int]], ImportResult]:
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


async def refuse_contradictions(conn: Connection, file: str, changed: Ids) -> None:
    """Raise RegistryError where rows that were not named no longer agree with those that changed."""
    rows = await _rows(
        conn, "contradictions", {table: list(changed[table]) for table in ("resident", "device", "place")}
    )
    if rows:
        raise RegistryError(
            [Problem(file=file, table=r["table"], index=0, key=r["key"], message=r["message"]) for r in rows]
        )


async def log_changes(conn: Connection, changed: Ids, removed: Ids, *, by: str, now: datetime, wait: float) -> None:
    """Put changed and removed rows into the log, where they concern it.

    The head row is taken last, after `wait` seconds at most (`LockTimeout`): it is held for milliseconds only.
    """
    told: list[tuple[str, str, Any]] = [("remove", table, row) for table in LOGGED for row in removed.get(table, ())]
    for table in LOGGED:
        rows = await _rows(conn, f"{table}_entries", {"ids": list(changed.get(table, ()))})
        told += [("upsert", table, row) for row in rows]
    if not told:
        return
    entries = [InputEntry(kind="registry", at=now, body=_body(by, chunk)) for chunk in _chunks(told, ENTRY_ROWS)]
    head = await lock_head(conn, wait=wait)
    await append_input(conn, head, entries)
    await save_head(conn, head)
    await notify(conn, INPUT_CHANNEL)


def _body(by: str, told: list[tuple[str, str, Any]]) -> Row:
    body: Row = {"by": by, "upsert": {}, "remove": {}}
    for what, table, row in told:
        body[what].setdefault(table, []).append(row)
    return body


async def _rows(conn: Connection, name: str, params: Row) -> list[Row]:
    return await (await conn.execute(SQL[name], params)).fetchall()


def _pairs(names: set[tuple[str, str]]) -> Row:
    return {"sites": [site for site, _ in names], "codes": [code for _, code in names]}


def _chunks(rows: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
