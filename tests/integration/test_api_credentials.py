"""Credentials over the API, with a broker that has to take them up: one device, and a fleet at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devices.credentials import ISSUED_CHANNEL, applied, broker_users
from store.notify import listen
from store.pool import connect
from tests.api_parts import Homes, homes_of, running_api

V1 = "/api/v1"


@pytest.fixture
async def homes(database_url: str) -> AsyncIterator[Homes]:
    async with homes_of(database_url) as watched:
        yield watched


@asynccontextmanager
async def embedded_broker(database_url: str) -> AsyncIterator[None]:
    """Someone who takes up whatever was issued, as `up` does for its broker."""

    async def take_up() -> None:
        async for _ in listen(database_url, ISSUED_CHANNEL):
            async with await connect(database_url, name="users") as conn:
                await applied(conn, (await broker_users(conn))[0])

    task = asyncio.create_task(take_up())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.usefixtures("homes")
async def test_waits_for_the_broker(database_url: str) -> None:
    """With a broker of our own, credentials are given out once it has taken them up."""
    async with running_api(database_url, broker_managed=True) as api:
        async with api.service.connection() as conn:
            await applied(conn, 1_000_000)
        answer = await api.client.post(f"{V1}/sites/h1/devices/sos-1/credentials", headers=await api.bearer("admin"))
    assert answer.status_code == 201


@pytest.mark.usefixtures("homes")
async def test_a_fleet_given_credentials_at_once(database_url: str) -> None:
    """Four hundred requests at the same moment are all answered, while the broker takes up what was made."""
    async with running_api(database_url, broker_managed=True) as api, embedded_broker(database_url):
        admin = await api.bearer("admin")
        ask = [api.client.post(f"{V1}/sites/h1/devices/sos-1/credentials", headers=admin) for _ in range(400)]
        answers = await asyncio.gather(*ask)
    assert [answer.status_code for answer in answers] == [201] * 400
    assert len({answer.json()["password"] for answer in answers}) == 400
