"""Requests become principals: bearer token or session cookie, CSRF check, role."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.principals import NotSignedIn, Principal, Refusal, by_session, by_token, record_session
from api.problems import Problem
from api.rights import DISTRICT_ONLY, GRANTED, Right
from api.service import HeldService, Service
from store.errors import StoreUnavailable
from store.pool import Connection

COOKIE = "shouwang_session"
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What a request brings to show who it is. The secret is kept out of every repr."""

    token: str | None = None
    session: str | None = None

    @property
    def secret(self) -> str:
        return self.token or self.session or ""

    def __repr__(self) -> str:
        return "Proof(***)"


def unauthorized(reason: Refusal) -> Problem:
    """Return the 401 of a refusal, with the challenge that RFC 6750 asks for."""
    challenge = 'Bearer realm="shouwang"'
    if reason is not Refusal.MISSING:
        challenge += f', error="invalid_token", error_description="{reason.value}"'
    return Problem(401, "unauthorized", f"Sign in: {reason.value}.", headers={"WWW-Authenticate": challenge})


def proof_of(request: Request) -> Proof:
    """Read a request's proof. A bearer token goes before a cookie. Raises the 401."""
    header = request.headers.get("authorization")
    if header is not None:
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise unauthorized(Refusal.MALFORMED)
        return Proof(token=token.strip())
    if session := request.cookies.get(COOKIE):
        return Proof(session=session)
    raise unauthorized(Refusal.MISSING)


async def identify(conn: Connection, proof: Proof, service: Service) -> Principal:
    """Return who a proof belongs to right now. Raises the 401."""
    try:
        principal = await _stored(conn, proof, service)
    except NotSignedIn as refused:
        service.last_known.forget(proof.secret)
        raise unauthorized(refused.reason) from None
    service.last_known.saw(proof.secret, principal, service.clock())
    return principal


async def _stored(conn: Connection, proof: Proof, service: Service) -> Principal:
    now = service.clock()
    if proof.token is not None:
        return await by_token(conn, proof.token, now)
    # A session that was made while the database was away is written down when its token still holds.
    if made := service.last_known.unrecorded(proof.secret):
        await record_session(conn, proof.secret, made.principal, made.token or b"", now)
    return await by_session(conn, proof.secret, now)


async def recognise(request: Request, service: HeldService) -> Principal:
    """Return who calls, for what needs no database; while it is away the rights last known hold (guarantee 10)."""
    proof = proof_of(request)
    known = service.last_known.find(proof.secret, service.clock())
    try:
        async with service.connection() if known is None else service.glance() as conn:
            principal = await identify(conn, proof, service)
            await service.streets.learn(conn, principal.scope)
            return principal
    except StoreUnavailable:
        if known is None:
            raise
        return known


async def caller(request: Request, service: HeldService) -> Principal:
    """Return who calls; with a cookie, unsafe methods need the session's CSRF token."""
    proof = proof_of(request)
    # Given back before the endpoint takes one: who held one while waiting for another would lock out all others.
    async with service.connection() as conn:
        principal = await identify(conn, proof, service)
    if principal.csrf is not None and request.method not in SAFE_METHODS:
        given = request.headers.get(CSRF_HEADER, "")
        if not secrets.compare_digest(given.encode(), principal.csrf.encode()):
            raise Problem(403, "csrf", "The X-CSRF-Token header is missing or not this session's.")
    return principal


def check(principal: Principal, right: Right) -> None:
    """Refuse with 403 what the role, or for the whole district the scope, does not grant."""
    if principal.role not in GRANTED[right]:
        raise Problem(403, "forbidden", f"The role {principal.role} may not {right.value}.")
    if right in DISTRICT_ONLY and not principal.scope.whole:
        raise Problem(403, "forbidden", f"To {right.value} takes the scope of the whole district.")


def having(right: Right) -> Callable[[Principal], Principal]:
    """Make the dependency that lets only callers with a right through."""

    def checked(principal: Annotated[Principal, Depends(caller)]) -> Principal:
        check(principal, right)
        return principal

    return checked


Caller = Annotated[Principal, Depends(caller)]
Recognised = Annotated[Principal, Depends(recognise)]
