"""What is stored, against what was acknowledged and against the plain reference fed with the stored log."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from devices.columns import FLAG_SKEWED, FLAG_STATELESS, NO_BOOT, NO_SEQ
from devices.types import EVENT_TYPES
from tests.faults.people import Diary
from tests.faults.stream import Ledger
from tests.reference import Reference
from tests.reference_parts import EPOCH, Found

Alert = dict[str, Any]
Connection = psycopg.Connection[Any]
_CLOSED = {"open": False, "condition": None, "parent": 0, "held": False}
_MICROSECOND = timedelta(microseconds=1)

LOG = "SELECT position, kind, at, body FROM input_log"
EVENTS = """
SELECT position, received_at, nullif(at, '-infinity') AS at, effective_at, device, type, seq, boot, flags FROM event
"""
ALERTS = """
SELECT id, rule, subject_kind, subject, cause, severity, occurrences, raised_at, handling <> 'closed', condition,
       CASE handling WHEN 'inhibited' THEN parent ELSE 0 END, claimed_by IS NOT NULL
  FROM alert ORDER BY id
"""
OCCURRENCES = "SELECT alert, count(*), min(n), max(n) FROM occurrence GROUP BY alert"
COUNTED = "SELECT value, count(*) FROM event WHERE detail ->> 'id' LIKE 'c%%' GROUP BY value"
PRESSES = """
SELECT site.code, sum(alert.occurrences)::int
  FROM alert JOIN site ON site.id = alert.site WHERE alert.rule = 'S-01' GROUP BY site.code
"""
DOORS = "SELECT code, raised_at FROM alert JOIN site ON site.id = alert.site WHERE rule = 'D-03'"
ACTIONS = """
SELECT l.alert, l.change, coalesce((n.text::jsonb) ->> 'note', '')
  FROM alert_log l LEFT JOIN alert_note n USING (log_id) WHERE l.change IN ('claimed', 'note', 'closed')
"""
WORDS = {"claim": "claimed", "note": "note", "close": "closed"}


def wrong_events(conn: Connection, ledger: Ledger) -> list[str]:
    """What is wrong with the stored events, in words; nothing where each is there once."""
    stored = {int(value): times for value, times in conn.execute(COUNTED)}
    wrong = [f"event {n} is stored {stored.get(n, 0)} times" for n in range(len(ledger.counts)) if stored.get(n) != 1]
    wrong += [f"event {n} was never said" for n in stored if n >= len(ledger.counts)]
    told = dict(conn.execute(PRESSES).fetchall())
    return wrong + [
        f"{site}: {told.get(site, 0)} occurrences of {len(presses)} presses"
        for site, presses in ledger.presses.items()
        if told.get(site, 0) != len(presses)
    ]


def wrong_doors(conn: Connection, ledger: Ledger, after: timedelta) -> list[str]:
    """Doors left open without the D-03 of their true due time, and D-03 of doors that were not."""
    wanted = Counter((site, opened + after) for site, opened, shut in ledger.opened if shut - opened >= after)
    mine = [(site, at.astimezone(UTC)) for site, at in conn.execute(DOORS) if site in ledger.presses]
    raised = Counter(mine)
    return [f"missed: {door}" for door in wanted - raised] + [f"unwanted: {door}" for door in raised - wanted]


def wrong_actions(conn: Connection, diaries: Iterable[Diary]) -> list[str]:
    """Answered actions that are not in the log, and logged ones that nobody tried, or twice."""
    logged = Counter((alert, change, said) for alert, change, said in conn.execute(ACTIONS))
    tried, answered = Counter[tuple[int, str, str]](), Counter[tuple[int, str, str]]()
    for diary in diaries:
        tried.update((alert, WORDS[what], said) for alert, what, said in diary.tried)
        answered.update((alert, WORDS[what], said) for alert, what, said in diary.answered)
    mine = Counter({action: n for action, n in logged.items() if action[1] == "claimed" or action[2]})
    return [f"lost: {action}" for action in answered - mine] + [f"unasked: {action}" for action in mine - tried]


# ---------------------------------------------------------------- against the reference
def log_of(conn: Connection) -> list[dict[str, Any]]:
    """The stored log as the reference reads it."""
    names = {number: name for name, number in EVENT_TYPES.items()}
    names |= dict(conn.execute("SELECT id, name FROM event_type").fetchall())
    entries = [
        {"position": position, "kind": kind, "at": _micros(at), "body": body}
        for position, kind, at, body in conn.execute(LOG)
    ]
    entries += [_event(row, names) for row in conn.execute(EVENTS)]
    return sorted(entries, key=lambda entry: entry["position"])


def _event(row: tuple[Any, ...], names: dict[int, str]) -> dict[str, Any]:
    position, received, at, effective, device, number, seq, boot, flags = row
    entry = {
        "kind": "event", "position": position, "received": _micros(received), "effective": _micros(effective),
        "device": device, "type": names[number], "timed": at is not None and not flags & FLAG_SKEWED,
        "stateless": bool(flags & FLAG_STATELESS),
    }  # fmt: skip
    return entry | ({"seq": seq, "boot": boot} if seq != NO_SEQ and boot != NO_BOOT else {})


def _micros(at: datetime) -> int:
    return (at - EPOCH) // _MICROSECOND


def by_the_reference(entries: Iterable[dict[str, Any]]) -> list[Alert]:
    """The alerts as the reference leaves them after the log; of closed ones how they came to be, and no more."""
    reference = Reference()
    for entry in entries:
        reference.feed(entry)
    alerts: dict[int, Alert] = {}
    for found in reference.found:
        _take(alerts, found)
    for s in reference.open_alerts():
        open_now = {"condition": "active" if s.active else "cleared", "parent": s.parent, "held": s.held}
        alerts[s.alert] |= {"open": True, **open_now}
    return list(alerts.values())


def _take(alerts: dict[int, Alert], found: Found) -> None:
    change, number, at, _, severity, rule, subject, cause, _, _ = found
    if change == "raised":
        alerts[number] = {
            "id": number, "rule": rule, "subject": subject, "cause": cause, "raised_at": at, "occurrences": 0,
            **_CLOSED,
        }  # fmt: skip
    alert = alerts[number]
    alert["severity"] = severity
    alert["occurrences"] += change in {"raised", "occurrence"}


def as_stored(conn: Connection) -> list[Alert]:
    """The alerts of the database in the same words; each occurrence has its row."""
    rows = {alert: (count, first, last) for alert, count, first, last in conn.execute(OCCURRENCES)}
    alerts = []
    for number, rule, kind, subject, cause, severity, times, raised, is_open, condition, parent, held in conn.execute(
        ALERTS
    ):
        assert rows[number] == (times, 1, times), f"alert {number}: occurrences without a gap"
        now = {"open": True, "condition": condition, "parent": parent, "held": held} if is_open else _CLOSED
        alerts.append(
            {
                "id": number, "rule": rule, "subject": (kind, subject), "cause": cause, "raised_at": _micros(raised),
                "occurrences": times, "severity": severity, **now,
            }
        )  # fmt: skip
    return alerts


def differs_from_reference(conn: Connection) -> list[str]:
    """Where the alerts of the database are not those of the reference, in words."""
    stored = {_key(alert): alert for alert in as_stored(conn)}
    wanted = {_key(alert): alert for alert in by_the_reference(log_of(conn))}
    wrong = [f"by the reference there is also {wanted[key]}" for key in wanted.keys() - stored.keys()]
    wrong += [f"by the reference there is no {stored[key]}" for key in stored.keys() - wanted.keys()]
    both = stored.keys() & wanted.keys()
    return wrong + [f"{stored[key]}, by the reference {wanted[key]}" for key in both if stored[key] != wanted[key]]


def _key(alert: Alert) -> tuple[Any, ...]:
    return alert["rule"], alert["subject"], alert["cause"]
