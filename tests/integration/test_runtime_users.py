"""From new credentials in the database to a login at the broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiomqtt
import pytest
from psycopg.types.json import Jsonb

from api.admission import Admission
from devices.credentials import Credentials, issue
from devices.registry import import_registry
from runtime.watching import admit_devices
from store.pool import Pool
from tests.parts import RunningBroker

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
COUNT = 40


@pytest.fixture
async def registered(pool: Pool) -> None:
    """A home with 40 devices."""
    text = '[[site]]\ncode = "h1"\nkind = "home"\n'
    text += "".join(f'[[device]]\nsite = "h1"\ncode = "d{n}"\nkind = "motion"\n' for n in range(COUNT))
    async with pool.connection() as conn:
        await import_registry(conn, text, file="f", by="tester", now=NOW)


@asynccontextmanager
async def admitting(url: str, broker: RunningBroker) -> AsyncIterator[None]:
    """What `up` does for the broker, as long as the block lasts."""
    assert broker.child is not None
    task = asyncio.create_task(admit_devices(url, broker.part, broker.child.signal))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ingest_speaks(pool: Pool, *, session: bool) -> None:
    async with pool.connection() as conn:
        await conn.execute(
            b"INSERT INTO part (name, at, ok, detail) VALUES ('ingest', clock_timestamp(), true, %s)"
            b" ON CONFLICT (name) DO UPDATE SET at = excluded.at, detail = excluded.detail",
            [Jsonb({"session": session})],
        )


async def issued(pool: Pool, device: str) -> Credentials:
    async with pool.connection() as conn:
        return await issue(conn, site="h1", device=device, now=NOW)


async def taken_up(pool: Pool, version: int, *, seconds: float) -> bool:
    """Whether the broker has taken up a version within some seconds, as the API waits for it."""
    async with Admission(pool, managed=True).open() as admission:
        return await admission._within(version, seconds)


async def log_in(broker: RunningBroker, made: Credentials) -> None:
    """Raises MqttError where the broker refuses."""
    async with aiomqtt.Client(
        broker.host, port=broker.port, username=made.username, password=made.password, identifier=made.username
    ) as device:
        await device.publish("shouwang/v1/h1/" + made.username.partition(":")[2] + "/event", b"{}", qos=1)


@pytest.mark.usefixtures("registered")
async def test_devices_come_in_after_ingest_has_its_session(
    database_url: str, pool: Pool, broker: RunningBroker
) -> None:
    """Credentials issued before ingest's first subscription count from then on; not a moment earlier."""
    made = await issued(pool, "d0")
    await ingest_speaks(pool, session=False)
    async with admitting(database_url, broker):
        assert not await taken_up(pool, made.version, seconds=0.5)
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await log_in(broker, made)
        await ingest_speaks(pool, session=True)
        assert await taken_up(pool, made.version, seconds=10)
        await log_in(broker, made)


@pytest.mark.usefixtures("registered")
async def test_many_at_once_are_few_reloads(database_url: str, pool: Pool, broker: RunningBroker) -> None:
    """Forty devices set up together all come in, and the broker was not disturbed forty times."""
    broker.part.note_session()
    async with admitting(database_url, broker):
        made = await asyncio.gather(*(issued(pool, f"d{n}") for n in range(COUNT)))
        assert await taken_up(pool, max(m.version for m in made), seconds=20)
        await asyncio.gather(*(log_in(broker, m) for m in made))
    assert sum("Reloaded server configuration" in line for line in broker.lines) < COUNT / 2


@pytest.mark.usefixtures("registered")
async def test_new_credentials_end_the_old(database_url: str, pool: Pool, broker: RunningBroker) -> None:
    """The old password is refused as soon as the new one is said to be in force."""
    broker.part.note_session()
    async with admitting(database_url, broker):
        old = await issued(pool, "d0")
        new = await issued(pool, "d0")
        assert await taken_up(pool, new.version, seconds=10)
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await log_in(broker, old)
        await log_in(broker, new)
