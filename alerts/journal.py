"""The append-only log of alerts: what each change left, chained so that nothing can be altered unseen.

Free text is in a body only as a digest with a salt that lies beside the text: whoever erases both leaves the chain
whole and the text beyond guessing.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts.transitions import Alert
from store.errors import translated
from store.gaps import Gap, read_gaps
from store.head import Head
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
CHAIN_START = bytes(32)
_PAGE = 5_000

# What a change may alter; the rest of an alert is told once, by its row.
_MUTABLE = (
    "rule_version", "severity", "severity_since", "condition", "handling", "cleared_at", "claimed_by", "claimed_name",
    "claimed_at", "proposed", "closed_by", "closed_at", "outcome", "contact_made", "occurrences", "last_occurrence_at",
    "flags", "escalation_step", "escalation_at", "snoozed_until", "parent",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One change, chained. `salt` and `text` are set where a person wrote something."""

    log_id: int
    alert: int
    change: str
    at: datetime
    by: str
    body: str
    chain: bytes
    salt: bytes | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where the chain does not hold."""

    log_id: int
    message: str


def utc_text(moment: datetime) -> str:
    """A time in UTC, always with microseconds: the same moment is the same text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def state(alert: Alert) -> dict[str, Any]:
    """What may change of an alert, as JSON values."""
    values = {name: getattr(alert, name) for name in _MUTABLE}
    return {
        k: utc_text(v) if isinstance(v, datetime) else list(v) if isinstance(v, tuple) else v for k, v in values.items()
    }


def chained(
    head: Head, alert: Alert, change: str, *, at: datetime, by: str, written: dict[str, str] | None = None
) -> LogRow:
    """The next row of the log; `head` moves with it. `written` is what a person wrote, by field."""
    head.log_id += 1
    body: dict[str, Any] = {
        "log_id": head.log_id, "alert": alert.id, "change": change, "at": utc_text(at), "by": by, "state": state(alert),
    }  # fmt: skip
    salt = text = None
    if written:
        salt, text = secrets.token_bytes(16), canonical(written)
        body["written"] = hashlib.sha256(salt + text.encode()).hexdigest()
    encoded = canonical(body)
    head.chain = link(head.chain, encoded)
    return LogRow(
        log_id=head.log_id, alert=alert.id, change=change, at=at, by=by, body=encoded, chain=head.chain,
        salt=salt, text=text,
    )  # fmt: skip


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces."""
    return msgspec.json.encode(value, order="sorted").decode()


def link(before: bytes, body: str) -> bytes:
    """The chain after a body."""
    return hashlib.sha256(before + hashlib.sha256(body.encode()).digest()).digest()


async def verify_chain(conn: Connection) -> list[Break]:
    """Walk the whole log, the notes that are still there and the head; an empty answer is a whole chain.

    Across what was deleted for its age the chain goes on from where that ended.
    """
    breaks: list[Break] = []
    chain, last = CHAIN_START, 0
    gaps = {gap.first: gap for gap in await read_gaps(conn)}
    while rows := await _page(conn, last):
        for row in rows:
            last, chain = _across(gaps, last, chain)
            if row["log_id"] != last + 1:
                breaks.append(Break(log_id=row["log_id"], message=f"rows are missing after {last}"))
            last, chain = row["log_id"], link(chain, row["body"])
            if chain != bytes(row["chain"]):
                breaks.append(Break(log_id=last, message="the body or a body before it was altered"))
                chain = bytes(row["chain"])
            breaks += _check_row(row)
    last, chain = _across(gaps, last, chain)
    return breaks + await _check_head(conn, chain, last)


def _across(gaps: dict[int, Gap], last: int, chain: bytes) -> tuple[int, bytes]:
    """The last row and its chain, behind the gap that follows, if one does."""
    gap = gaps.get(last + 1)
    return (last, chain) if gap is None else (gap.upto, gap.chain)


async def _page(conn: Connection, after: int) -> list[dict[str, Any]]:
    with translated():
        return await (await conn.execute(SQL["log_page"], {"after": after, "limit": _PAGE})).fetchall()


def _check_row(row: dict[str, Any]) -> list[Break]:
    try:
        body = msgspec.json.decode(row["body"], type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [Break(log_id=row["log_id"], message="the body is no JSON object any more")]
    told = tuple(body.get(key) for key in ("log_id", "alert", "change", "at", "by"))
    if told != (row["log_id"], row["alert"], row["change"], utc_text(row["at"]), row["by"]):
        return [Break(log_id=row["log_id"], message="the columns do not say what the body says")]
    if row["text"] is not None:
        digest = hashlib.sha256(bytes(row["salt"]) + row["text"].encode()).hexdigest()
        if digest != body.get("written"):
            return [Break(log_id=row["log_id"], message="what a person wrote was altered")]
    return []


async def _check_head(conn: Connection, chain: bytes, last: int) -> list[Break]:
    with translated():
        row = await (await conn.execute(SQL["chain_head"])).fetchone()
    if row is None or (row["log_id"], bytes(row["chain"])) != (last, chain):
        return [Break(log_id=last, message="the head does not stand at the end of the log: rows were cut off")]
    return []
