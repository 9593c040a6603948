"""Findings and acts become rows, set by set."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from alerts.findings import Change, Finding
from alerts.journal import LogRow, chained, utc_text
from alerts.schedule import moment
from alerts.transitions import Alert, found, raised
from store.errors import translated
from store.head import Head
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
log = logging.getLogger(__name__)
SYSTEM = "system"
_EXPLAINED = frozenset({Change.INHIBITED, Change.SURFACED})


@dataclass(slots=True)
class Changes:
    """What one transaction changes."""

    alerts: dict[int, Alert] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    occurrences: list[dict[str, Any]] = field(default_factory=list)
    log: list[LogRow] = field(default_factory=list)


async def record(conn: Connection, head: Head, findings: Sequence[Finding], at: datetime) -> None:
    """Write what the engine found, in order; `head` moves with the log. Runs in the caller's transaction."""
    changes = Changes()
    new = {f.alert for f in findings if f.change is Change.RAISED}
    changes.alerts = await standing(conn, {f.alert for f in findings} - new)
    acted = await _acted(conn, findings)
    for finding in findings:
        if finding.change not in _EXPLAINED or acted.get(finding.alert, 0) <= finding.position:
            _take(changes, head, finding, at)
    await write(conn, changes)


async def _acted(conn: Connection, findings: Sequence[Finding]) -> dict[int, int]:
    """Where in the log somebody last claimed, gave back or closed an alert that another one explained or sets free.

    People act on what they see while the engine is behind. What they did later in the log stands; what the end of the
    other alert made of theirs was over by then.
    """
    explained = [f for f in findings if f.change in _EXPLAINED]
    if not explained:
        return {}
    after = {"position": min(f.position for f in explained), "ids": [f.alert for f in explained]}
    with translated():
        rows = await (await conn.execute(SQL["acted_after"], after)).fetchall()
    return {row["alert"]: row["position"] for row in rows}


def _take(changes: Changes, head: Head, finding: Finding, at: datetime) -> None:
    fresh = finding.change is Change.RAISED
    decision = raised(finding) if fresh else found(changes.alerts[finding.alert], finding)
    alert = decision.alert
    assert alert is not None, "a finding leaves an alert"  # noqa: S101 -- for the type checker
    changes.alerts[alert.id] = alert
    if fresh:
        changes.fresh.add(alert.id)
    if finding.change in {Change.RAISED, Change.OCCURRENCE}:
        changes.occurrences.append(_occurrence(alert, finding))
    if decision.change is not None:
        changes.log.append(chained(head, alert, decision.change, at=at, by=SYSTEM))


def _occurrence(alert: Alert, finding: Finding) -> dict[str, Any]:
    return {
        "alert": alert.id, "n": alert.occurrences, "at": utc_text(moment(finding.at)),
        "received_at": utc_text(moment(finding.received_at)), "position": finding.event,
    }  # fmt: skip


async def standing(conn: Connection, ids: Iterable[int]) -> dict[int, Alert]:
    """These alerts as they stand; those that are not there are left out."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    with translated():
        rows = await (await conn.execute(SQL["alerts_by_id"], {"ids": wanted})).fetchall()
    return {row["id"]: Alert(**{**row, "flags": tuple(row["flags"])}) for row in rows}


async def write(conn: Connection, changes: Changes) -> None:
    """Two statements at most, however many alerts there are."""
    before = [_row(a) for a in changes.alerts.values() if a.id not in changes.fresh]
    with translated():
        if before:
            await conn.execute(SQL["record_standing"], {"alerts": Jsonb(before)})
        told = await conn.execute(
            SQL["record"],
            {
                "raised": Jsonb([_row(changes.alerts[number]) for number in sorted(changes.fresh)]),
                "occurrences": Jsonb(changes.occurrences),
                "log": Jsonb([_log_row(row) for row in changes.log]),
                "notes": Jsonb([_note(row) for row in changes.log if row.salt is not None]),
            },
        )
        for row in await told.fetchall():
            log.error("an alert with a cause that was used before", extra={"alert": row["id"], "rule": row["rule"]})


def _row(alert: Alert) -> dict[str, Any]:
    return {k: utc_text(v) if isinstance(v, datetime) else v for k, v in asdict(alert).items()}


def _note(row: LogRow) -> dict[str, Any]:
    return {"log_id": row.log_id, "salt": (row.salt or b"").hex(), "text": row.text}


def _log_row(row: LogRow) -> dict[str, Any]:
    return {
        "log_id": row.log_id, "alert": row.alert, "change": row.change, "at": utc_text(row.at), "by": row.by,
        "body": row.body, "chain": row.chain.hex(),
    }  # fmt: skip
