"""What devices said, and what could not be taken."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api import cursors
from api.auth import having
from api.documents import Event, Page, Quarantined
from api.inputs import Code, Cursor, Limit
from api.moments import Moment, local
from api.openapi import problem
from api.principals import Principal
from api.rights import Right
from api.service import Lent
from devices.columns import flag_names
from devices.types import EVENT_TYPES
from store.queries import load

router = APIRouter(tags=["events"], responses={400: problem("The cursor is none of this list's")})

SQL = load("api")
_TYPE_NAMES = {number: name for name, number in EVENT_TYPES.items()}
_Sees = Annotated[Principal, Depends(having(Right.SEE_EVENTS))]
_SeesQuarantine = Annotated[Principal, Depends(having(Right.SEE_QUARANTINE))]


@router.get("/events")
async def events(
    *,
    caller: _Sees,
    conn: Lent,
    device: Code | None = None,
    site: Code | None = None,
    since: Annotated[Moment | None, Query(description="Received at this moment or later.")] = None,
    until: Annotated[Moment | None, Query(description="Received before this moment.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Event]:
    """List events, the newest first."""
    place = cursors.decode(cursor, int)
    narrow = {"device": device, "site": site, "since": since, "until": until, "before": place[0] if place else None}
    query = "events" if device is None and site is None else "events_of_devices"
    rows = await (await conn.execute(SQL[query], {**narrow, **caller.scope.params(), "limit": limit + 1})).fetchall()
    following = cursors.encode([rows[limit - 1]["position"]]) if len(rows) > limit else None
    return Page(items=[_event(row) for row in rows[:limit]], next=following)


@router.get("/quarantine")
async def quarantine(
    caller: _SeesQuarantine,
    conn: Lent,
    reason: Annotated[str | None, Query(pattern="^[a-z0-9_]{1,64}$")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Quarantined]:
    """List the messages that could not be taken, the newest first."""
    place = cursors.decode(cursor, int)
    narrow = {"reason": reason, "before": place[0] if place else None}
    rows = await (
        await conn.execute(SQL["quarantine"], {**narrow, **caller.scope.params(), "limit": limit + 1})
    ).fetchall()
    following = cursors.encode([rows[limit - 1]["id"]]) if len(rows) > limit else None
    return Page(items=[_quarantined(row) for row in rows[:limit]], next=following)


def _event(row: dict[str, Any]) -> Event:
    return Event(
        id=row["position"],
        device_event_id=row["device_event_id"],
        site=row["site"],
        device=row["device"],
        type=_TYPE_NAMES.get(row["type_id"]) or row["type_name"] or "unknown",
        at=local(row["at"], row["timezone"]) if row["at"] else None,
        received_at=local(row["received_at"], row["timezone"]),
        value=row["value"],
        unit=row["unit"],
        flags=flag_names(row["flags"]),  # type: ignore[arg-type]  # its names are the contract's
    )


def _quarantined(row: dict[str, Any]) -> Quarantined:
    payload, encoding = _readable(bytes(row["payload"]), whole=row["payload_size"] <= len(row["payload"]))
    return Quarantined(
        id=row["id"],
        received_at=row["received_at"],
        topic=row["topic"],
        reason=row["reason"],
        detail=row["detail"],
        payload=payload,
        encoding=encoding,  # type: ignore[arg-type]  # one of the two, see below
        payload_size=row["payload_size"],
    )


def _readable(payload: bytes, *, whole: bool) -> tuple[str, str]:
    # The cut at 4 KiB may have split one character: up to three of its bytes are left out of the text.
    for cut in range(1 if whole else 4):
        try:
            return payload[: len(payload) - cut].decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            continue
    return base64.b64encode(payload).decode(), "base64"
