"""Alert life: every transition in one place, each with a named reason; what is not allowed is refused with one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from unicodedata import category

from alerts.findings import Change, Finding
from alerts.schedule import moment
from devices.columns import flag_names
from devices.scope import Scope

OUTCOMES = (
    "real_medical", "real_fall", "real_fire", "real_missing", "help_non_urgent", "accidental", "test", "device_fault",
    "rule_false_alarm", "away_unreported", "no_contact", "deceased",
)  # fmt: skip
MAY_ACT = frozenset({"admin", "supervisor", "duty", "provider"})
MAY_OVERRULE = frozenset({"admin", "supervisor"})
LEAST_BETWEEN_LOGGED = timedelta(minutes=1)
_NEEDS_OUTCOME = 2  # P1 and P2
_P1 = 1


class Reason(StrEnum):
    """Why a transition was made, or refused."""

    RAISED = "raised"
    HAPPENED_AGAIN = "happened_again"
    COUNTED_ONLY = "counted_only"
    HOLDS_AGAIN = "holds_again"
    BECAME_WORSE = "became_worse"
    CLEARED = "cleared"
    CLOSED_ITSELF = "closed_itself"
    INHIBITED = "inhibited"
    SURFACED = "surfaced"
    CLAIMED = "claimed"
    RELEASED = "released"
    NOTED = "noted"
    CLOSED = "closed"
    AWAITS_CONFIRMATION = "awaits_confirmation"
    CONFIRMED = "confirmed"
    ALREADY_YOURS = "already_yours"
    HELD_BY_ANOTHER = "held_by_another"
    ALREADY_CLOSED = "already_closed"
    NOT_CLAIMED = "not_claimed"
    NOT_CONFIRMING = "not_confirming"
    SECOND_PERSON_NEEDED = "second_person_needed"
    OUTCOME_NEEDED = "outcome_needed"
    OUTCOME_UNKNOWN = "outcome_unknown"
    NOTE_NEEDED = "note_needed"
    ROLE_MAY_NOT = "role_may_not"
    NO_SUCH_ALERT = "no_such_alert"


REFUSALS = frozenset(
    {
        Reason.HELD_BY_ANOTHER, Reason.ALREADY_CLOSED, Reason.NOT_CLAIMED, Reason.NOT_CONFIRMING, Reason.OUTCOME_NEEDED,
        Reason.SECOND_PERSON_NEEDED, Reason.OUTCOME_UNKNOWN, Reason.NOTE_NEEDED, Reason.ROLE_MAY_NOT,
        Reason.NO_SUCH_ALERT,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it stands; ids are the database's. `claimed_name` and `proposed["name"]` are principals' names.

    `parent` is the alert that explains this one, or did when it was last inhibited.
    """

    id: int
    rule: str
    rule_version: int
    severity: int
    severity_since: datetime
    condition: str
    handling: str
    site: int
    subject_kind: str
    subject: int
    resident: int | None
    cause: str
    raised_at: datetime
    received_at: datetime
    cleared_at: datetime | None = None
    claimed_by: int | None = None
    claimed_name: str | None = None
    claimed_at: datetime | None = None
    proposed: dict[str, Any] | None = None
    closed_by: int | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    contact_made: bool = False
    occurrences: int = 1
    last_occurrence_at: datetime
    occurrence_logged_at: datetime
    flags: tuple[str, ...] = ()
    escalation_step: int = 0
    escalation_at: datetime | None = None
    snoozed_until: datetime | None = None
    parent: int | None = None

    def __post_init__(self) -> None:
        for name in _TIMES:
            value = getattr(self, name)
            if value is not None and value.tzinfo is None:
                raise ValueError(f"{name} needs an offset")


_TIMES = tuple(f.name for f in fields(Alert) if "datetime" in str(f.type))


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and within what; `id` and `name` are the principal's."""

    id: int
    name: str
    role: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a person asks for. `do` is claim, release, note, close or confirm."""

    do: str
    by: Actor
    at: datetime
    outcome: str | None = None
    contact: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("the time of an act needs an offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of an act or a finding. `change` is the log's word, None where nothing is logged."""

    reason: Reason
    alert: Alert | None
    change: str | None = None

    @property
    def allowed(self) -> bool:
        return self.reason not in REFUSALS

    @property
    def holder(self) -> str | None:
        """Who holds the alert, for the one who was refused."""
        return self.alert.claimed_name if self.alert is not None else None


# ---------------------------------------------------------------- what the engine finds
def raised(finding: Finding) -> Decision:
    """A new alert."""
    origin = finding.origin
    if origin is None:
        raise ValueError("what raises an alert tells its origin")
    received = moment(finding.received_at)
    alert = Alert(
        id=finding.alert, rule=origin.rule, rule_version=finding.rule_version, severity=finding.severity,
        severity_since=received, condition="active",
        handling="inhibited" if finding.parent else "new", parent=finding.parent or None, site=origin.site,
        subject_kind=origin.subject_kind.word, subject=origin.subject, resident=origin.resident or None,
        cause=origin.cause, raised_at=moment(finding.at), received_at=received,
        last_occurrence_at=moment(finding.at), occurrence_logged_at=received, flags=tuple(flag_names(finding.flags)),
    )  # fmt: skip
    return Decision(reason=Reason.RAISED, alert=alert, change=Change.RAISED)


def found(alert: Alert, finding: Finding) -> Decision:
    """What a finding makes of an open alert."""
    return _FOUND[finding.change](alert, finding)


def _occurred(alert: Alert, finding: Finding) -> Decision:
    again, received = alert.condition == "cleared", moment(finding.received_at)
    logged = finding.emergency or again or received - alert.occurrence_logged_at >= LEAST_BETWEEN_LOGGED
    after = replace(
        alert,
        condition="active",
        cleared_at=None,
        occurrences=alert.occurrences + 1,
        last_occurrence_at=max(alert.last_occurrence_at, moment(finding.at)),
        occurrence_logged_at=received if logged else alert.occurrence_logged_at,
        flags=_with_flags(alert.flags, flag_names(finding.flags)),
    )
    if finding.emergency and after.handling == "confirming":
        after = replace(after, handling="claimed", proposed=None)  # whoever pressed again is not done with
    reason = Reason.HOLDS_AGAIN if again else Reason.HAPPENED_AGAIN if logged else Reason.COUNTED_ONLY
    return Decision(reason=reason, alert=after, change=Change.OCCURRENCE if logged else None)


def _with_flags(flags: tuple[str, ...], more: list[str]) -> tuple[str, ...]:
    """A test stays one only while all of it was a test; late and skewed stay on record."""
    both = {*flags, *more} - ({"test"} if "test" not in flags or "test" not in more else set())
    return tuple(sorted(both, key=("delayed", "skewed", "test").index))


def _worse(alert: Alert, finding: Finding) -> Decision:
    received = moment(finding.received_at)
    after = replace(alert, severity=finding.severity, rule_version=finding.rule_version)
    if finding.severity <= _NEEDS_OUTCOME:
        after = replace(after, severity_since=received, snoozed_until=None)
        after = after if after.handling == "inhibited" else _unheld(after)
    return Decision(reason=Reason.BECAME_WORSE, alert=after, change=Change.SEVERITY)


def _cleared(alert: Alert, finding: Finding) -> Decision:
    after = replace(alert, condition="cleared", cleared_at=moment(finding.at))
    return Decision(reason=Reason.CLEARED, alert=after, change=Change.CLEARED)


def _closed_itself(alert: Alert, finding: Finding) -> Decision:
    after = replace(alert, handling="closed", closed_at=moment(finding.received_at))
    return Decision(reason=Reason.CLOSED_ITSELF, alert=after, change=Change.CLOSED)


def _inhibited(alert: Alert, finding: Finding) -> Decision:
    """Another alert explains it: it is not shown on its own any more."""
    after = replace(alert, handling="inhibited", parent=finding.parent, snoozed_until=None)
    return Decision(reason=Reason.INHIBITED, alert=after, change=Change.INHIBITED)


def _surfaced(alert: Alert, finding: Finding) -> Decision:
    """What explained it has ended: it waits for an answer from now on."""
    after = replace(alert, handling="new", severity_since=moment(finding.received_at))
    return Decision(reason=Reason.SURFACED, alert=after, change=Change.SURFACED)


_FOUND: Mapping[Change, Callable[[Alert, Finding], Decision]] = MappingProxyType(
    {
        Change.OCCURRENCE: _occurred,
        Change.SEVERITY: _worse,
        Change.CLEARED: _cleared,
        Change.CLOSED: _closed_itself,
        Change.INHIBITED: _inhibited,
        Change.SURFACED: _surfaced,
    }
)


# ---------------------------------------------------------------- what people do
def done(alert: Alert, act: Act, *, person_clears: bool) -> Decision:
    """What an act makes of an alert; refused with its reason where it may not be.

    With `person_clears` nothing but its closing ends the alert's condition.
    """
    if act.by.role not in MAY_ACT:
        return Decision(reason=Reason.ROLE_MAY_NOT, alert=alert)
    if alert.handling == "closed" and act.do != "note":
        return Decision(reason=Reason.ALREADY_CLOSED, alert=alert)
    decision = _ACTS[act.do](alert, act)
    after = decision.alert
    if person_clears and after is not None and after.handling == "closed" and after.condition == "active":
        return replace(decision, alert=replace(after, condition="cleared", cleared_at=act.at))
    return decision


def _claim(alert: Alert, act: Act) -> Decision:
    if alert.claimed_by == act.by.id:
        return Decision(reason=Reason.ALREADY_YOURS, alert=alert)
    if alert.claimed_by is not None:
        return Decision(reason=Reason.HELD_BY_ANOTHER, alert=alert)
    return Decision(reason=Reason.CLAIMED, alert=_held(alert, act), change="claimed")


def _release(alert: Alert, act: Act) -> Decision:
    if alert.claimed_by is None:
        return Decision(reason=Reason.NOT_CLAIMED, alert=alert)
    if not _may_handle(alert, act):
        return Decision(reason=Reason.HELD_BY_ANOTHER, alert=alert)
    return Decision(reason=Reason.RELEASED, alert=_unheld(alert), change="released")


def _note(alert: Alert, act: Act) -> Decision:
    if not says_something(act.note):
        return Decision(reason=Reason.NOTE_NEEDED, alert=alert)
    return Decision(reason=Reason.NOTED, alert=alert, change="note")


def _close(alert: Alert, act: Act) -> Decision:
    """Closing what nobody holds claims it on the way; of another's, only a supervisor or an admin may."""
    if not _may_handle(alert, act):
        return Decision(reason=Reason.HELD_BY_ANOTHER, alert=alert)
    if act.outcome is None and alert.severity <= _NEEDS_OUTCOME:
        return Decision(reason=Reason.OUTCOME_NEEDED, alert=alert)
    if act.outcome is not None and act.outcome not in OUTCOMES:
        return Decision(reason=Reason.OUTCOME_UNKNOWN, alert=alert)
    contact = says_something(act.contact)
    held = alert if alert.claimed_by is not None else _held(alert, act)
    if alert.severity == _P1 and not contact:
        proposed = {"outcome": act.outcome, "by": act.by.id, "name": act.by.name}
        after = replace(held, handling="confirming", proposed=proposed)
        return Decision(reason=Reason.AWAITS_CONFIRMATION, alert=after, change="confirming")
    after = _shut(held, act, outcome=act.outcome, contact=contact)
    return Decision(reason=Reason.CLOSED, alert=after, change=Change.CLOSED)


def _confirm(alert: Alert, act: Act) -> Decision:
    if alert.handling != "confirming" or alert.proposed is None:
        return Decision(reason=Reason.NOT_CONFIRMING, alert=alert)
    if alert.proposed["by"] == act.by.id:
        return Decision(reason=Reason.SECOND_PERSON_NEEDED, alert=alert)
    contact = says_something(act.contact)
    after = _shut(alert, act, outcome=alert.proposed["outcome"], contact=contact)
    return Decision(reason=Reason.CONFIRMED, alert=after, change=Change.CLOSED)


_ACTS: Mapping[str, Callable[[Alert, Act], Decision]] = MappingProxyType(
    {"claim": _claim, "release": _release, "note": _note, "close": _close, "confirm": _confirm}
)


def says_something(text: str | None) -> bool:
    """Whether a text has a character that can be seen: blanks and zero-width marks tell nothing."""
    return any(category(character)[0] in "LNPS" for character in text or "")


def _may_handle(alert: Alert, act: Act) -> bool:
    return alert.claimed_by in {None, act.by.id} or act.by.role in MAY_OVERRULE


def _held(alert: Alert, act: Act) -> Alert:
    return replace(alert, handling="claimed", claimed_by=act.by.id, claimed_name=act.by.name, claimed_at=act.at)


def _unheld(alert: Alert) -> Alert:
    return replace(alert, handling="new", claimed_by=None, claimed_name=None, claimed_at=None, proposed=None)


def _shut(alert: Alert, act: Act, *, outcome: str | None, contact: bool) -> Alert:
    """Closed by a person."""
    return replace(
        alert, handling="closed", closed_by=act.by.id, closed_at=act.at, outcome=outcome, contact_made=contact,
        proposed=None, snoozed_until=None,
    )  # fmt: skip
