"""Reading alerts: the queue, one of them with all that became of it, and the feed. What is out of scope is not there.

`evidence` of an alert are the ids of the events behind its first and its newest occurrences, ten at most; `inhibits`
are the ids of the alerts that it explains.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.documents import alert_document, as_of_change, event_document, local
from alerts.schedule import micros, moment
from alerts.targets import RESPONSE_TARGETS
from devices.scope import Scope
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("alerts")

NEWEST_EVIDENCE = 9
OCCURRENCES_SHOWN = 200

Row = dict[str, Any]


class BadCursor(ValueError):
    """The cursor is none that a list gave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilters:
    """What a list is limited to; None is no limit. Severities are 1 … 4; `since` counts from when the server knew."""

    handling: tuple[str, ...] | None = None
    condition: str | None = None
    severity: tuple[int, ...] | None = None
    site: str | None = None
    rule: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPage:
    """A page of documents, the next page's cursor, and the log id that the page reflects."""

    items: list[Row]
    next: str | None
    as_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One change; `alert` is the document as of that change."""

    log_id: int
    change: str
    at: datetime
    by: str
    alert: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    """Where a list goes on: in the queue as ordered at `now`, or among the closed ones."""

    now: datetime
    after: list[int] | None = None
    before: int | None = None
    closed: bool = False

    def text(self) -> str:
        parts = (
            ["c", micros(self.now), self.before or ""] if self.closed else ["o", micros(self.now), *(self.after or [])]
        )
        return ".".join(map(str, parts))

    @classmethod
    def parse(cls, text: str) -> "_Cursor":
        phase, *rest = text.split(".")
        try:
            if phase == "c" and len(rest) == 2:  # noqa: PLR2004 -- the form that `text` gives
                return cls(now=moment(int(rest[0])), before=int(rest[1]) if rest[1] else None, closed=True)
            if phase == "o" and len(rest) == 5:  # noqa: PLR2004 -- the same
                return cls(now=moment(int(rest[0])), after=[_bigint(part) for part in rest[1:]])
        except (ValueError, OverflowError) as error:
            raise BadCursor("this cursor is none of ours") from error
        raise BadCursor("this cursor is none of ours")


def _bigint(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError(text)
    return number


async def list_alerts(
    conn: Connection, scope: Scope, filters: AlertFilters, *, cursor: str | None, limit: int, now: datetime
) -> AlertPage:
    """The open ones in the order of the queue, then the closed ones, the newest first. Raises `BadCursor`."""
    at = _Cursor(now=now.astimezone(UTC)) if cursor is None else _Cursor.parse(cursor)
    params = _params(scope, filters)
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["snapshot"])
            as_of = await log_head(conn)
            rows, following = await _rows(conn, params, at, limit)
            items = await _documents(conn, rows)
    return AlertPage(items=items, next=following.text() if following else None, as_of=as_of)


def _params(scope: Scope, filters: AlertFilters) -> Row:
    return {
        **scope.params(),
        "handling": None if filters.handling is None else list(filters.handling),
        "condition": filters.condition,
        "severity": None if filters.severity is None else list(filters.severity),
        "site": filters.site,
        "rule": filters.rule,
        "since": filters.since,
        "targets": list(RESPONSE_TARGETS),
    }


async def _rows(conn: Connection, params: Row, at: _Cursor, limit: int) -> tuple[list[Row], _Cursor | None]:
    """Up to `limit` rows and where to go on; the queue is followed by the closed ones on the same page."""
    rows: list[Row] = []
    if not at.closed:
        rows = await _fetch(conn, "open_alerts", {**params, "after": at.after, "now": at.now, "limit": limit + 1})
        if len(rows) > limit:
            last = rows[limit - 1]
            after = [last["severity"], last["time_left"], -last["risk"], last["id"]]
            return rows[:limit], _Cursor(now=at.now, after=after)
    if params["handling"] is not None and "closed" not in params["handling"]:
        return rows, None
    rest = limit - len(rows)
    closed = await _fetch(conn, "closed_alerts", {**params, "before": at.before, "limit": rest + 1})
    if len(closed) <= rest:
        return rows + closed, None
    before = closed[rest - 1]["id"] if rest else None
    return rows + closed[:rest], _Cursor(now=at.now, before=before, closed=True)


async def _fetch(conn: Connection, name: str, params: Row) -> list[Row]:
    return await (await conn.execute(SQL[name], params)).fetchall()


async def _documents(conn: Connection, rows: list[Row]) -> list[Row]:
    evidence = await _evidence(conn, [(row["id"], row["occurrences"]) for row in rows])
    inhibits = await _inhibits(conn, {row["id"] for row in rows})
    return [
        alert_document(row, evidence.get((row["id"], row["occurrences"]), []), inhibits.get(row["id"], []))
        for row in rows
    ]


async def _evidence(conn: Connection, asked: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], list[int]]:
    pairs = sorted(set(asked))
    if not pairs:
        return {}
    params = {"alerts": [a for a, _ in pairs], "upto": [n for _, n in pairs], "newest": NEWEST_EVIDENCE}
    return {(row["alert"], row["upto"]): row["positions"] for row in await _fetch(conn, "evidence", params)}


async def _inhibits(conn: Connection, alerts: set[int]) -> Mapping[int, list[int]]:
    if not alerts:
        return {}
    return {row["parent"]: row["ids"] for row in await _fetch(conn, "inhibited", {"alerts": sorted(alerts)})}


async def get_alert(conn: Connection, scope: Scope, alert: int) -> Row | None:
    """One alert with `occurrence_list` (the newest last), `events` and `log`; None where it is not there."""
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["snapshot"])
            rows = await _fetch(conn, "one_alert", {"id": alert, **scope.params()})
            if not rows:
                return None
            (document,) = await _documents(conn, rows)
            zone = ZoneInfo(rows[0]["timezone"])
            happened = await _fetch(conn, "occurrences", {"id": alert, "limit": OCCURRENCES_SHOWN})
            events = await _fetch(conn, "evidence_events", {"positions": document["evidence"]})
            history = await _fetch(conn, "alert_history", {"id": alert})
    document["occurrence_list"] = [_occurrence(row, zone) for row in reversed(happened)]
    document["events"] = [event_document(row) for row in events]
    document["log"] = [_log_entry(row, zone) for row in history]
    return document


def _occurrence(row: Row, zone: ZoneInfo) -> Row:
    return {
        "n": row["n"],
        "at": local(row["at"], zone),
        "received_at": local(row["received_at"], zone),
        "event": row["position"],
    }


def _log_entry(row: Row, zone: ZoneInfo) -> Row:
    """`contact` and `note` are what somebody wrote; `erased` says that they did, and that it was erased.

    `outcome` is the one proposed while a second person is waited for.
    """
    body = msgspec.json.decode(row["body"])
    proposed = body["state"]["proposed"] or {}
    written = {} if row["text"] is None else msgspec.json.decode(row["text"])
    return {
        "log_id": row["log_id"],
        "change": row["change"],
        "at": local(row["at"], zone),
        "by": row["by"],
        "severity": f"P{body['state']['severity']}",
        "condition": body["state"]["condition"],
        "handling": body["state"]["handling"],
        "outcome": body["state"]["outcome"] or proposed.get("outcome"),
        "contact": written.get("contact"),
        "note": written.get("note"),
        "erased": "written" in body and row["text"] is None,
    }


async def log_head(conn: Connection) -> int:
    """The id of the log's last row."""
    with translated():
        row = await (await conn.execute(SQL["as_of"])).fetchone()
    return 0 if row is None else int(row["log_id"])


async def feed_rows(conn: Connection, after: int, limit: int, scope: Scope) -> list[FeedRow]:
    """The changes after a log id, in order, within a scope."""
    with translated():
        rows = await _fetch(conn, "feed_rows", {"after": after, "limit": limit, **scope.params()})
        then = [as_of_change(row, msgspec.json.decode(row["body"])["state"]) for row in rows]
        evidence = await _evidence(conn, [(row["id"], row["occurrences"]) for row in then])
        inhibits = await _inhibits(conn, {row["id"] for row in then})
    return [
        FeedRow(
            log_id=row["log_id"],
            change=row["change"],
            at=row["changed_at"].astimezone(ZoneInfo(row["timezone"])),
            by=row["changed_by"],
            alert=alert_document(row, evidence.get((row["id"], row["occurrences"]), []), inhibits.get(row["id"], [])),
        )
        for row in then
    ]
