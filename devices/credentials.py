"""What devices log in with: made here, shown once, told to the broker as hashes."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

import bcrypt

from store.errors import translated
from store.notify import notify
from store.pool import Connection
from store.queries import load

SQL = load("devices")

SECRET_BYTES = 16
# The lowest cost that bcrypt has: enough for 128 random bits, and ten thousand devices reconnect quickly.
BCRYPT_COST = 4
ISSUED_CHANNEL = "broker_users"


class UnknownDevice(Exception):
    """No such device is watched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """`version` is when the broker knows them: see `applied_version`."""

    username: str
    password: str = field(repr=False)
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerUser:
    """A device as the broker must know it; it may publish and subscribe under its own site and code only."""

    username: str
    bcrypt: str = field(repr=False)
    site: str
    device: str


async def issue(conn: Connection, *, site: str, device: str, now: datetime) -> Credentials:
    """Make new credentials, which end the device's old ones; raises UnknownDevice."""
    if now.tzinfo is None:
        raise ValueError("the time of issue needs an offset")
    password = secrets.token_urlsafe(SECRET_BYTES)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=BCRYPT_COST, prefix=b"2a")).decode()
    params = {
        "site": site,
        "device": device,
        "sha256": hashlib.sha256(password.encode()).digest(),
        "bcrypt": hashed,
        "now": now,
    }
    with translated():
        async with conn.transaction():
            await conn.execute(SQL["lock_credentials"])
            row = await (await conn.execute(SQL["issue_credential"], params)).fetchone()
            if row is None:
                raise UnknownDevice(f"{site}/{device}")
            await notify(conn, ISSUED_CHANNEL, str(row["version"]))
    return Credentials(username=row["username"], password=password, version=row["version"])


async def broker_users(conn: Connection) -> tuple[int, list[BrokerUser]]:
    """Return everybody whom the broker must know, and the version that the list stands for."""
    with translated():
        async with conn.transaction():
            # The version first: what is issued meanwhile may be in the list already, never the other way round.
            newest = await (await conn.execute(SQL["credential_version"])).fetchone()
            rows = await (await conn.execute(SQL["broker_users"])).fetchall()
    users = [
        BrokerUser(username=row["username"], bcrypt=row["bcrypt"], site=row["site"], device=row["device"])
        for row in rows
    ]
    return (newest["version"] if newest else 0), users


async def applied(conn: Connection, version: int) -> None:
    """Record that the broker has taken up everything to this version."""
    with translated():
        await conn.execute(SQL["set_applied"], {"version": version})


async def applied_version(conn: Connection) -> int:
    """Return the version up to which the broker has taken up what was issued."""
    with translated():
        row = await (await conn.execute(SQL["applied"])).fetchone()
    return -1 if row is None else int(row["applied"])
