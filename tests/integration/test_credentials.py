"""What devices log in with."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import bcrypt
import pytest

from devices.credentials import UnknownDevice, applied, applied_version, broker_users, issue
from devices.registry import import_registry
from store.notify import listen
from store.pool import Connection, Pool

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REGISTRY = """
[[site]]
code = "h1"
kind = "home"
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
"""


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as opened:
        await import_registry(opened, REGISTRY, file="f", by="tester", now=NOW)
        yield opened


async def test_new_credentials(conn: Connection) -> None:
    """The user name is the contract's, the password 128 random bits, and only hashes are kept."""
    made = await issue(conn, site="h1", device="sos-1", now=NOW)
    row = await (await conn.execute(b"SELECT * FROM credential")).fetchone()
    assert row is not None
    assert (made.username, row["username"]) == ("h1:sos-1", "h1:sos-1")
    assert len(made.password) >= 22
    assert row["sha256"] == hashlib.sha256(made.password.encode()).digest()
    assert row["bcrypt"].startswith("$2a$04$")
    assert bcrypt.checkpw(made.password.encode(), row["bcrypt"].encode())
    assert made.password not in repr(made)


async def test_new_credentials_end_the_old(conn: Connection) -> None:
    """One set a device, each with a version of its own."""
    old = await issue(conn, site="h1", device="sos-1", now=NOW)
    new = await issue(conn, site="h1", device="sos-1", now=NOW)
    assert new.version > old.version
    assert new.password != old.password
    version, [user] = await broker_users(conn)
    assert version == new.version
    assert not bcrypt.checkpw(old.password.encode(), user.bcrypt.encode())
    assert bcrypt.checkpw(new.password.encode(), user.bcrypt.encode())
    assert (user.site, user.device) == ("h1", "sos-1")


async def test_devices_that_are_not_watched(conn: Connection) -> None:
    """Nobody gets credentials for what is not registered, and a removed device is no longer let in."""
    with pytest.raises(UnknownDevice):
        await issue(conn, site="h1", device="sos-9", now=NOW)
    await issue(conn, site="h1", device="sos-1", now=NOW)
    await conn.execute(b"UPDATE device SET removed_at = now() WHERE code = 'sos-1'")
    with pytest.raises(UnknownDevice):
        await issue(conn, site="h1", device="sos-1", now=NOW)
    assert (await broker_users(conn))[1] == []


async def test_the_broker_is_told(conn: Connection, database_url: str) -> None:
    """Whoever writes the broker's users hears of new ones."""
    notices = listen(database_url, "broker_users")
    assert (await anext(notices)).channel == ""
    made = await issue(conn, site="h1", device="sos-1", now=NOW)
    assert (await anext(notices)).payload == str(made.version)
    await notices.aclose()


async def test_what_the_broker_has_taken_up(conn: Connection) -> None:
    """It is known up to which version, and an older word does not take that back."""
    made = await issue(conn, site="h1", device="sos-1", now=NOW)
    assert await applied_version(conn) < made.version
    await applied(conn, made.version)
    await applied(conn, made.version - 1)
    assert await applied_version(conn) == made.version


async def test_versions_become_visible_in_order(conn: Connection, pool: Pool) -> None:
    """A list that stands for a version holds everything up to it, also when many are issued at once."""

    async def one(device: str) -> int:
        async with pool.connection() as own:
            return (await issue(own, site="h1", device=device, now=NOW)).version

    versions = await asyncio.gather(*(one(device) for device in ["sos-1", "mag-1"] * 4))
    assert len(set(versions)) == 8
    version, users = await broker_users(conn)
    assert version == max(versions)
    assert [user.device for user in users] == ["mag-1", "sos-1"]
