"""Sign in, sign out, who am I."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.auth import COOKIE, Caller, Recognised, unauthorized
from api.documents import Me
from api.openapi import problem
from api.principals import NotSignedIn, OpenedSession, Principal, by_link, by_token, end_session, open_session
from api.problems import Problem
from api.service import HeldService, Lent, Service
from store.errors import StoreUnavailable
from store.pool import Connection

router = APIRouter(tags=["session"])

Secret = Annotated[str, Field(min_length=1, max_length=256)]


class SignIn(BaseModel):
    """One of the two: the secret of a one-time link, or a bearer token."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"link": "the secret of a link"}]})
    link: Secret | None = None
    token: Secret | None = None

    @model_validator(mode="after")
    def _one(self) -> "SignIn":
        if (self.link is None) == (self.token is None):
            raise ValueError("give either link or token")
        return self


def me_of(principal: Principal, csrf: str | None) -> Me:
    return Me(
        name=principal.name,
        role=principal.role,  # type: ignore[arg-type]  # the table's CHECK holds the same roles
        scope=principal.scope.document(),
        expires_at=principal.expires_at,
        csrf=csrf,
    )


@router.get("/me")
async def me(caller: Recognised) -> Me:
    """Say who the caller is; a browser's session learns its CSRF token here."""
    return me_of(caller, caller.csrf)


@router.post(
    "/session",
    status_code=201,
    responses={401: problem("The secret is not one in force"), 429: problem("Too many failed sign-ins from here")},
)
async def sign_in(body: SignIn, request: Request, response: Response, service: HeldService) -> Me:
    """Open a browser's session: sets the cookie. A link is used up by it."""
    client = request.client.host if request.client else ""
    if wait := service.lockout.wait(client):
        detail = f"Too many failed sign-ins from here. Try again in {wait} s."
        raise Problem(429, "locked-out", detail, headers={"Retry-After": str(wait)})
    try:
        opened = await _open(body, service)
    except NotSignedIn as refused:
        service.lockout.failed(client)
        raise unauthorized(refused.reason) from None
    service.lockout.succeeded(client)
    _set_cookie(response, service, opened)
    return me_of(opened.principal, opened.csrf)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response, _caller: Caller, service: HeldService, conn: Lent) -> None:
    """End the browser's session. A bearer token has none to end and stays in force."""
    if secret := request.cookies.get(COOKIE):
        await end_session(conn, secret, service.clock())
        service.last_known.forget(secret)
    response.delete_cookie(COOKIE, path="/", secure=service.settings.cookie_secure, httponly=True, samesite="strict")


async def _open(body: SignIn, service: Service) -> OpenedSession:
    now, token = service.clock(), body.token or ""
    known = service.last_known.find(token, now)
    try:
        async with service.connection() if known is None else service.glance() as conn, conn.transaction():
            opened = await _open_with(conn, body, now)
    except StoreUnavailable:
        # The rights last known hold; a link, which works once, cannot be one of them.
        made = service.last_known.open_session(token, now)
        if made is None:
            raise
        return made
    if body.token is not None:
        service.last_known.saw(body.token, opened.principal, service.clock())
    return opened


async def _open_with(conn: Connection, body: SignIn, now: datetime) -> OpenedSession:
    if body.link is not None:
        principal = await by_link(conn, body.link, now)
    else:
        principal = await by_token(conn, body.token or "", now)
    return await open_session(conn, principal, now)


def _set_cookie(response: Response, service: Service, opened: OpenedSession) -> None:
    response.set_cookie(
        COOKIE,
        opened.secret,
        max_age=int((opened.expires_at - service.clock()).total_seconds()),
        path="/",
        secure=service.settings.cookie_secure,
        httponly=True,
        samesite="strict",
    )
