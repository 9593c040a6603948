"""The state of the watch, for the desk."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth import having
from api.documents import Watch
from api.parts import read_parts, ready
from api.principals import Principal
from api.rights import Right
from api.routes.health import part_state
from api.service import HeldService, Lent

router = APIRouter(tags=["watch"])


@router.get("/watch")
async def watch(
    _caller: Annotated[Principal, Depends(having(Right.SEE_WATCH))], service: HeldService, conn: Lent
) -> Watch:
    """Say how each part does, when the last event came, and how many came each minute."""
    parts = await read_parts(conn, service.started_at, watched=service.settings.watched)
    trace = await service.activity.look(conn, service.clock())
    return Watch(
        ready=ready(parts),
        parts=[part_state(part) for part in parts.values()],
        last_event_at=trace.last_event_at,
        events_per_minute=trace.per_minute,
    )
