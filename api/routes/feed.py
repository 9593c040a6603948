"""`GET /alerts/feed`: every change of alerts, as it is committed."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request

from api.auth import check, recognise
from api.feed import FeedResponse, Reader
from api.heard import Strips
from api.inputs import BIGGEST
from api.openapi import problem
from api.principals import Principal
from api.problems import Problem
from api.rights import Right
from api.service import HeldService, Service
from store.errors import StoreUnavailable

router = APIRouter(tags=["alerts"])

_LastId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The id of the last change seen: the feed goes on after it."),
]
_FirstId = Annotated[
    int | None, Query(ge=0, le=BIGGEST, description="The same for the first connection, such as a list's `as_of`.")
]


async def _allowed(service: Service, request: Request) -> Principal:
    """Return who reads, right now; on a connection that is given back before the feed begins."""
    principal = await recognise(request, service)
    check(principal, Right.SEE_ALERTS)
    return principal


async def _reader(
    request: Request, service: HeldService, last_id: _LastId = None, last_event_id: _FirstId = None
) -> Reader:
    rights = partial(_allowed, service, request)
    principal = await rights()
    asked = _number(last_id) if last_id else last_event_id
    after = await _start(service, asked)
    return Reader(
        tail=service.tail,
        pages=service.pages,
        after=after,
        scope=principal.scope,
        rights=rights,
        strips=Strips(service.board),
        sees=service.streets.sees,
    )


async def _start(service: Service, asked: int | None) -> int:
    """Return after which id a feed begins. While the database is away, what it asks for is believed."""
    try:
        async with service.glance() as conn:
            end = await service.tail.end_of(conn)
    except StoreUnavailable:
        return service.tail.latest if asked is None else asked
    if asked is not None and asked > end:
        raise Problem(409, "ahead-of-log", "The log does not reach that id: read the list of alerts again.")
    return end if asked is None else asked


@router.get(
    "/alerts/feed",
    status_code=200,  # the document asks the route: the class has a constructor of its own
    response_class=FeedResponse,
    responses={
        200: {
            "description": "Events `alert`, their `data` as in FeedEntry, and a comment every 10 s at least",
            "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/FeedEntry"}}},
        },
        400: problem("Last-Event-ID is no id"),
        409: problem("The id lies beyond the end of the log"),
    },
)
async def feed(reader: Annotated[Reader, Depends(_reader)], service: HeldService) -> FeedResponse:
    """Follow the log of alerts as server-sent events. Without an id it begins at the end."""
    return FeedResponse(reader, service.feed_times)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(BIGGEST)) or int(text) > BIGGEST:
        raise Problem(400, "bad-event-id", "Last-Event-ID is not an id of this feed.")
    return int(text)
