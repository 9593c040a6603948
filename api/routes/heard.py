"""`PUT /heard`: what the watch has heard, for every open feed. It needs no database."""

import secrets

from fastapi import APIRouter, Depends, Request

from api.auth import proof_of, unauthorized
from api.heard import State
from api.principals import Refusal
from api.service import HeldService

LIMIT = 2 * 1024 * 1024  # bytes; 5,000 emergencies are 1.2 MB

# Between parts of one installation, not for those who build on the API.
router = APIRouter(include_in_schema=False)


def _is_the_watch(request: Request, service: HeldService) -> None:
    """Refuse with 401 all but the watch, by its secret; where none is known, everybody."""
    given, known = proof_of(request).token, service.settings.watch_secret
    if given is None or known is None or not secrets.compare_digest(given.encode(), known.encode()):
        raise unauthorized(Refusal.UNKNOWN)


@router.put("/heard", status_code=204, dependencies=[Depends(_is_the_watch)])
async def take(state: State, service: HeldService) -> None:
    """Take all that the watch holds; feeds tell what has changed."""
    service.board.take(state, service.clock())
