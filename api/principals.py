"""Who calls: principals, their bearer tokens, one-time links and sessions. Secrets are stored hashed."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg.rows import DictRow

from devices.scope import Scope
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("api")

SESSION_TIME = timedelta(hours=12)  # one shift
TOKEN_BYTES = 32  # 256 bits: nothing to guess, so a plain hash is enough to store


class Refusal(StrEnum):
    """Why a caller is not who they need to be."""

    MISSING = "no token and no session"
    MALFORMED = "the Authorization header is not 'Bearer' and a token"
    UNKNOWN = "the token is not known"
    EXPIRED = "it has expired"
    REVOKED = "it was revoked"
    ENDED = "the session has ended"


class NotSignedIn(Exception):
    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Someone in force. `csrf` is set where a session's cookie proved it; `expires_at` is the earlier end of both."""

    id: int
    name: str
    role: str
    scope: Scope
    expires_at: datetime | None
    csrf: str | None = None

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError("an expiry needs an offset")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedSession:
    """A session just made: `secret` is the cookie, shown once."""

    principal: Principal
    secret: str
    csrf: str
    expires_at: datetime


def new_secret() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def hashed(secret: str) -> bytes:
    """Return what is stored of a secret. Text that is no UTF-8 (lone surrogates) hashes to what nothing matches."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


async def _row(conn: Connection, query: str, params: Mapping[str, Any]) -> DictRow | None:
    with translated():
        return await (await conn.execute(SQL[query], params)).fetchone()


def in_force(row: DictRow | None, now: datetime) -> Principal:
    """Return the principal of a row. Raises `NotSignedIn`."""
    if row is None:
        raise NotSignedIn(Refusal.UNKNOWN)
    if row["revoked_at"] is not None:
        raise NotSignedIn(Refusal.REVOKED)
    if row.get("ended_at") is not None:
        raise NotSignedIn(Refusal.ENDED)
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise NotSignedIn(Refusal.EXPIRED)
    return Principal(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        scope=Scope.parse(row["scope"]),
        expires_at=row["expires_at"],
        csrf=row.get("csrf"),
    )


async def by_token(conn: Connection, token: str, now: datetime) -> Principal:
    """Return who holds a bearer token. Raises `NotSignedIn`."""
    return in_force(await _row(conn, "principal_of_token", {"hash": hashed(token)}), now)


async def record_session(conn: Connection, secret: str, holder: Principal, token: bytes, now: datetime) -> None:
    """Write down a session that was made of a token without the database. Raises `NotSignedIn` for the token's sake."""
    in_force(await _row(conn, "principal_of_token", {"hash": token}), now)
    params = {"hash": hashed(secret), "principal": holder.id, "csrf": holder.csrf, "expires_at": holder.expires_at}
    with translated():
        await conn.execute(SQL["insert_session"], params)


async def by_session(conn: Connection, secret: str, now: datetime) -> Principal:
    """Return who signed in with a session's cookie. Raises `NotSignedIn`."""
    return in_force(await _row(conn, "principal_of_session", {"hash": hashed(secret)}), now)


async def by_link(conn: Connection, secret: str, now: datetime) -> Principal:
    """Consume a one-time link. Raises `NotSignedIn`; a link that was used is unknown."""
    return in_force(await _row(conn, "use_link", {"hash": hashed(secret), "now": now}), now)


async def open_session(conn: Connection, principal: Principal, now: datetime) -> OpenedSession:
    """Make a session, which ends with its principal at the latest."""
    secret, csrf, ends = new_secret(), new_secret(), now + SESSION_TIME
    if principal.expires_at is not None:
        ends = min(ends, principal.expires_at)
    with translated():
        await conn.execute(
            SQL["insert_session"],
            {"hash": hashed(secret), "principal": principal.id, "csrf": csrf, "expires_at": ends},
        )
    return OpenedSession(principal=principal, secret=secret, csrf=csrf, expires_at=ends)


async def end_session(conn: Connection, secret: str, now: datetime) -> None:
    """Sign out; a session that has ended stays so."""
    with translated():
        await conn.execute(SQL["end_session"], {"hash": hashed(secret), "now": now})
