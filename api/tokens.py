"""Issue bearer tokens and one-time sign-in links; the command line's side of signing in."""

import secrets
from datetime import datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from psycopg.types.json import Jsonb

from api.principals import SQL, Principal, hashed, new_secret
from api.rights import Role
from devices.scope import Scope
from store.errors import translated
from store.pool import Connection

LINK_TIME = timedelta(minutes=30)
ROLES: tuple[str, ...] = get_args(Role)
LONGEST_NAME = 100


class BadToken(ValueError):
    """What was asked of a new token cannot be; the message says what can."""


async def issue_token(
    conn: Connection,
    *,
    role: str,
    name: str | None = None,
    scope: Scope | None = None,
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[Principal, str]:
    """Make a principal of its own and return it with its token, which cannot be read again.

    Without a name one is made up from the role; without a scope it is the district. Raises `BadToken`.
    """
    if expires_at is not None and expires_at <= now:
        raise BadToken("the expiry lies in the past")
    token = new_secret()
    principal = await _principal(
        conn, role=role, name=name, scope=scope, token_hash=hashed(token), expires_at=expires_at, now=now
    )
    return principal, token


async def issue_link(
    conn: Connection,
    *,
    role: str,
    name: str | None = None,
    scope: Scope | None = None,
    valid_for: timedelta = LINK_TIME,
    now: datetime,
) -> str:
    """Make a principal without a token and return the secret of a link that signs it in once. Raises `BadToken`."""
    principal = await _principal(conn, role=role, name=name, scope=scope, token_hash=None, expires_at=None, now=now)
    secret = new_secret()
    with translated():
        await conn.execute(
            SQL["insert_link"], {"hash": hashed(secret), "principal": principal.id, "expires_at": now + valid_for}
        )
    return secret


async def _principal(conn: Connection, *, role: str, name: str | None, scope: Scope | None, **rest: Any) -> Principal:
    if role not in ROLES:
        raise BadToken(f"{role!r} is no role: choose one of {', '.join(ROLES)}")
    if name is not None and not (name.isprintable() and 0 < len(name) <= LONGEST_NAME):
        raise BadToken(f"a name is 1 to {LONGEST_NAME} printable characters")
    values = {
        "role": role,
        "name": name or _made_up(role),
        "scope": Jsonb((scope or Scope.DISTRICT).document()),
        **rest,
    }
    with translated():
        row = await (await conn.execute(SQL["insert_principal"], values)).fetchone()
    if row is None:
        raise BadToken(f"the name {values['name']!r} is taken")
    return Principal(
        id=row["id"], name=row["name"], role=row["role"], scope=Scope.parse(row["scope"]), expires_at=row["expires_at"]
    )


def link_url(base_url: str, secret: str) -> str:
    """Return the page that asks before it spends a link's secret."""
    return f"{base_url.rstrip('/')}/signin?{urlencode({'link': secret})}"


def _made_up(role: str) -> str:
    # 40 bits: enough that a taken name is not met by chance, short enough to be read out.
    return f"{role}-{secrets.token_hex(5)}"
