"""An alert as the API tells it: exactly the fields of the contract, times with the site's offset."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.targets import respond_by
from devices.columns import flag_names
from devices.types import EVENT_TYPES

_TYPE_NAMES = {number: name for name, number in EVENT_TYPES.items()}


def severity_word(severity: int) -> str:
    """`P1` … `P4`."""
    return f"P{severity}"


def local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """A time with the site's offset."""
    return None if moment is None else moment.astimezone(zone).isoformat()


def alert_document(row: Mapping[str, Any], evidence: list[int], inhibits: list[int]) -> dict[str, Any]:
    """One alert. `evidence` and `inhibits` are the ids of events and of alerts that it explains."""
    zone = ZoneInfo(row["timezone"])
    return {
        "id": row["id"],
        "rule": row["rule"],
        "rule_version": row["rule_version"],
        "name": row["name"],
        "advice": row["advice"],
        "severity": severity_word(row["severity"]),
        "severity_since": local(row["severity_since"], zone),
        "respond_by": local(respond_by(row["severity"], row["severity_since"]), zone),
        "condition": row["condition"],
        "handling": row["handling"],
        "site": row["site"],
        "subject": {"kind": row["subject_kind"], "code": row["subject_code"]},
        "resident": row["resident"],
        "raised_at": local(row["raised_at"], zone),
        "received_at": local(row["received_at"], zone),
        "cleared_at": local(row["cleared_at"], zone),
        "claimed_by": row["claimed_by"],
        "claimed_at": local(row["claimed_at"], zone),
        "proposed_by": row["proposed_by"],
        "closed_at": local(row["closed_at"], zone),
        "outcome": row["outcome"],
        "occurrences": row["occurrences"],
        "last_occurrence_at": local(row["last_occurrence_at"], zone),
        "inhibits": inhibits,
        "escalation": {"step": row["escalation_step"], "at": local(row["escalation_at"], zone)},
        "flags": list(row["flags"]),
        "evidence": evidence,
    }


def as_of_change(row: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """The row as a log entry's `state` left it."""
    times = ("severity_since", "cleared_at", "claimed_at", "closed_at", "last_occurrence_at", "escalation_at")
    proposed = state["proposed"] or {}
    then = {**row, **{k: state[k] for k in _OF_STATE}, "claimed_by": state["claimed_name"]}
    then["proposed_by"] = proposed.get("name")
    return {**then, **{k: None if state[k] is None else datetime.fromisoformat(state[k]) for k in times}}


_OF_STATE = (
    "rule_version", "severity", "condition", "handling", "outcome", "occurrences", "escalation_step", "flags",
)  # fmt: skip


def event_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """One event, as the contract shows it."""
    zone = ZoneInfo(row["timezone"])
    return {
        "id": row["position"],
        "device_event_id": row["device_event_id"],
        "site": row["site"],
        "device": row["device"],
        "type": _TYPE_NAMES.get(row["type"]) or row["type_name"],
        "at": local(row["at"], zone),
        "received_at": local(row["received_at"], zone),
        "value": row["value"],
        "unit": row["unit"],
        "flags": flag_names(row["flags"]),
    }
