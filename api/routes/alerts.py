"""Alerts: the queue, one of them, and what people do about them."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from alerts import life
from alerts.read import AlertFilters, BadCursor, get_alert, list_alerts
from alerts.transitions import Actor, Decision, Reason
from api import cursors
from api.auth import having
from api.documents import AlertDetail, AlertPage, Condition, Handling, Severity
from api.inputs import AlertId, Code, Cursor, Limit, Text
from api.moments import Moment
from api.openapi import problem
from api.principals import Principal
from api.problems import Problem, not_found
from api.rights import Right
from api.service import HeldService, Lent, Service
from store.pool import Connection

router = APIRouter(tags=["alerts"])

_Sees = Annotated[Principal, Depends(having(Right.SEE_ALERTS))]
_Handles = Annotated[Principal, Depends(having(Right.HANDLE_ALERTS))]
_Written = Annotated[Text, Field(max_length=4000)]
_Rule = Annotated[str, Field(pattern="^[A-Z]-[0-9]{2}$")]

_REFUSED: Mapping[Reason, tuple[int, str]] = MappingProxyType(
    {
        Reason.NO_SUCH_ALERT: (404, "There is no such alert, or it is outside your scope."),
        Reason.HELD_BY_ANOTHER: (409, "Somebody else holds this alert."),
        Reason.ALREADY_CLOSED: (409, "The alert is closed."),
        Reason.NOT_CLAIMED: (409, "Nobody holds this alert."),
        Reason.NOT_CONFIRMING: (409, "Nothing awaits confirmation."),
        Reason.SECOND_PERSON_NEEDED: (409, "Whoever proposed the outcome cannot confirm it."),
        Reason.OUTCOME_NEEDED: (422, "A P1 or P2 is closed with an outcome."),
        Reason.OUTCOME_UNKNOWN: (422, "There is no such outcome."),
        Reason.NOTE_NEEDED: (422, "A note has words in it."),
        Reason.ROLE_MAY_NOT: (403, "Your role may not handle alerts."),
    }
)
_CONFLICT: dict[int | str, dict[str, Any]] = {
    404: problem("Not there, or out of scope"),
    409: problem("Its state does not allow it; may name `holder`"),
}

Outcome = Literal[
    "real_medical",
    "real_fall",
    "real_fire",
    "real_missing",
    "help_non_urgent",
    "accidental",
    "test",
    "device_fault",
    "rule_false_alarm",
    "away_unreported",
    "no_contact",
    "deceased",
]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoteBody(_Act):
    note: _Written = Field(examples=["致电未接，已派人上门"])


class ConfirmBody(_Act):
    """`contact` says whom you reached, where you did."""

    contact: _Written | None = None
    note: _Written | None = None


class CloseBody(ConfirmBody):
    """P1 and P2 need an outcome; a P1 without contact awaits a second person's confirmation."""

    outcome: Outcome | None = Field(default=None, examples=["accidental"])


@router.get("/alerts", responses={400: problem("The cursor is none of this list's")})
async def alerts(
    *,
    caller: _Sees,
    service: HeldService,
    conn: Lent,
    handling: Annotated[list[Handling] | None, Query(description="One or more, each given as `handling=`.")] = None,
    condition: Condition | None = None,
    severity: Annotated[list[Severity] | None, Query(description="One or more.")] = None,
    site: Code | None = None,
    rule: _Rule | None = None,
    since: Annotated[Moment | None, Query(description="Known to the server at this moment or later.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AlertPage:
    """List alerts: the open ones in the order of the queue, then the closed ones, the newest first."""
    filters = AlertFilters(
        handling=tuple(handling) if handling else None,
        condition=condition,
        severity=tuple(int(word[1]) for word in severity) if severity else None,
        site=site,
        rule=rule,
        since=since,
    )
    try:
        page = await list_alerts(
            conn, caller.scope, filters, cursor=cursors.unwrap(cursor), limit=limit, now=service.clock()
        )
    except BadCursor:
        raise cursors.bad() from None
    return AlertPage.model_validate({"items": page.items, "next": cursors.wrap(page.next), "as_of": page.as_of})


@router.get("/alerts/{alert}", responses={404: _CONFLICT[404]})
async def alert(alert: AlertId, caller: _Sees, conn: Lent) -> AlertDetail:
    """Give one alert with its occurrences, evidence and log."""
    return await _detail(conn, caller, alert)


@router.post("/alerts/{alert}/claim", responses=_CONFLICT)
async def claim(alert: AlertId, caller: _Handles, service: HeldService, conn: Lent) -> AlertDetail:
    """Take an alert. Of many at once, one gets it; one's own claim again is answered alike."""
    return await _done(life.claim, alert, caller, service, conn)


@router.post("/alerts/{alert}/release", responses=_CONFLICT)
async def release(alert: AlertId, caller: _Handles, service: HeldService, conn: Lent) -> AlertDetail:
    """Give an alert back to the queue."""
    return await _done(life.release, alert, caller, service, conn)


@router.post("/alerts/{alert}/note", responses=_CONFLICT)
async def note(alert: AlertId, body: NoteBody, caller: _Handles, service: HeldService, conn: Lent) -> AlertDetail:
    """Write something down, also on a closed alert."""
    return await _done(life.note, alert, caller, service, conn, note=body.note)


@router.post("/alerts/{alert}/close", responses=_CONFLICT)
async def close(
    alert: AlertId, caller: _Handles, service: HeldService, conn: Lent, body: CloseBody | None = None
) -> AlertDetail:
    """End an alert, or propose to: see `handling` in the answer."""
    said = body or CloseBody()
    return await _done(
        life.close, alert, caller, service, conn, outcome=said.outcome, contact=said.contact, note=said.note
    )


@router.post("/alerts/{alert}/confirm", responses=_CONFLICT)
async def confirm(
    alert: AlertId, caller: _Handles, service: HeldService, conn: Lent, body: ConfirmBody | None = None
) -> AlertDetail:
    """Agree, as a second person, to a close without contact."""
    said = body or ConfirmBody()
    return await _done(life.confirm, alert, caller, service, conn, contact=said.contact, note=said.note)


async def _done(
    act: Callable[..., Awaitable[Decision]],
    alert: int,
    caller: Principal,
    service: Service,
    conn: Connection,
    **said: str | None,
) -> AlertDetail:
    actor = Actor(id=caller.id, name=caller.name, role=caller.role, scope=caller.scope)
    decision = await act(conn, alert=alert, actor=actor, now=service.clock(), **said)
    if not decision.allowed:
        raise _refused(decision)
    return await _detail(conn, caller, alert)


def _refused(decision: Decision) -> Problem:
    status, detail = _REFUSED[decision.reason]
    extra: dict[str, Any] = {"holder": decision.holder} if status == HTTPStatus.CONFLICT else {}
    code = "not-found" if status == 404 else decision.reason.value.replace("_", "-")  # noqa: PLR2004 -- HTTP's own word
    return Problem(status, code, detail, **extra)


async def _detail(conn: Connection, caller: Principal, alert: int) -> AlertDetail:
    found = await get_alert(conn, caller.scope, alert)
    if found is None:
        not_found("alert")
    return AlertDetail.model_validate(found)
