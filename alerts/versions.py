"""Versions of rules: what the catalogue and the overrides say, brought into the log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from alerts.catalogue import load_catalogue, parse_rule
from alerts.overrides import Override, OverrideError, Problem, parse_overrides
from alerts.rule import Rule
from store.errors import translated
from store.head import Head, InputEntry, append_input, lock_head, save_head
from store.notify import notify
from store.pool import Connection
from store.queries import load

SQL = load("alerts")

# At a start nobody waits for us, yet who holds the row for longer than this hangs, and the start is tried again.
LOCK_SECONDS = 10.0


class UnknownRule(LookupError):
    """There is no rule of this code."""


async def ensure_versions(conn: Connection, rules: Mapping[str, Rule] | None = None) -> int:
    """Write a version for each rule of the catalogue that differs from its newest one. Returns how many.

    Raises `LockTimeout` where somebody else hangs on the head row.
    """
    wanted = load_catalogue() if rules is None else rules
    with translated():
        return await _ensure(conn, wanted)


async def _ensure(conn: Connection, wanted: Mapping[str, Rule]) -> int:
    async with conn.transaction():
        head = await lock_head(conn, wait=LOCK_SECONDS)
        newest = await newest_versions(conn)
        changed = [r for r in wanted.values() if newest.get(r.code, {}).get("definition") != r.document]
        for rule in changed:
            before = newest.get(rule.code, {"version": 0, "overrides": []})
            await _write(
                conn,
                head,
                rule,
                version=before["version"] + 1,
                overrides=before["overrides"],
                by="catalogue",
                now=datetime.now(UTC),
            )
        if changed:
            await save_head(conn, head)
            await notify(conn, "input_log")
    return len(changed)


async def newest_versions(conn: Connection) -> dict[str, dict[str, Any]]:
    """The newest version of each rule, by code: rule, version, definition, overrides, at, by, position."""
    with translated():
        rows = await (await conn.execute(SQL["newest_versions"])).fetchall()
    return {row["rule"]: row for row in rows}


async def put_overrides(conn: Connection, rule: str, overrides: Any, *, by: str, now: datetime) -> int:
    """Replace a rule's overrides; they take effect without a restart. Returns the new version.

    Raises `UnknownRule`, or `OverrideError` with every problem, also for a scope that the registry does not know.
    """
    with translated():
        return await _put(conn, rule, overrides, by=by, now=now)


async def _put(conn: Connection, rule: str, overrides: Any, *, by: str, now: datetime) -> int:
    async with conn.transaction():
        head = await lock_head(conn, wait=1.0)
        newest = (await newest_versions(conn)).get(rule)
        if newest is None:
            raise UnknownRule(rule)
        definition = parse_rule(newest["definition"], f"version {newest['version']}")
        located = await _locate(conn, definition, overrides)
        version = int(newest["version"]) + 1
        await _write(conn, head, definition, version=version, overrides=located, by=by, now=now)
        await save_head(conn, head)
        await notify(conn, "input_log")
    return version


async def _locate(conn: Connection, rule: Rule, documents: Any) -> list[dict[str, Any]]:
    """The overrides as they are stored: each with the registry's id of what its scope names."""
    parsed = parse_overrides(rule, documents)
    problems: list[Problem] = []
    located: list[dict[str, Any]] = []
    for override in parsed:
        number = await _find(conn, override)
        if number is None:
            index = documents.index(override.document)
            problems.append(Problem(index=index, key="scope", message=f"the registry knows no {override.scope}"))
            continue
        located.append(_stored(override, number))
    if problems:
        raise OverrideError(rule.code, problems)
    return located


def _stored(override: Override, number: int) -> dict[str, Any]:
    document: dict[str, Any] = {"scope": override.scope, "id": number, "set": override.document.get("set", {})}
    if override.enabled is not None:
        document["enabled"] = override.enabled
    return document


async def _find(conn: Connection, override: Override) -> int | None:
    if override.layer == "all":
        return 0
    with translated():
        row = await (await conn.execute(SQL[f"find_{override.layer}"], {"code": override.code})).fetchone()
    return None if row is None else int(row["id"])


async def _write(
    conn: Connection, head: Head, rule: Rule, *, version: int, overrides: list[dict[str, Any]], by: str, now: datetime
) -> None:
    body = {"rule": rule.code, "version": version, "definition": rule.document, "overrides": overrides}
    (placed,) = await append_input(conn, head, [InputEntry(kind="rules", at=now, body=body)])
    with translated():
        await conn.execute(
            SQL["insert_version"],
            {
                "rule": rule.code,
                "version": version,
                "definition": Jsonb(rule.document),
                "at": now,
                "by": by,
                "overrides": Jsonb(overrides),
                "position": placed.position,
            },
        )
