"""The API in the test's own process, asked over ASGI, on the test's own database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import Any

import httpx
from fastapi import FastAPI
from psycopg.types.json import Jsonb

from alerts.live import LiveEngine
from alerts.schedule import micros
from api.app import create_app
from api.feed import FeedTimes
from api.service import Service
from api.settings import ApiSettings
from api.tokens import issue_token
from devices.registry import import_registry
from devices.scope import Scope
from devices.types import EVENT_TYPES
from store.head import lock_head, read_input, save_head
from store.pool import Connection, connect
from tests.engine_parts import columns
from tests.homes import TWO_HOMES

BASE = "http://desk.test"


@dataclass(slots=True)
class Clock:
    """A clock for expiries: it stands until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A running app, a client without any proof of its own, and the clock that both live by."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: Clock

    @property
    def service(self) -> Service:
        service = self.app.state.service
        assert isinstance(service, Service)
        return service

    async def bearer(self, role: str = "admin", scope: Scope | None = None, name: str | None = None) -> dict[str, str]:
        """The header of a new principal's token."""
        async with self.service.connection() as conn:
            _, token = await issue_token(conn, role=role, scope=scope, name=name, now=self.clock())
        return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running_api(
    database_url: str, *, feed_times: FeedTimes | None = None, broker_managed: bool = False, pool_size: int = 8
) -> AsyncIterator[Api]:
    """Start an app and end it with the block. Its errors come back as answers, as they would over a socket."""
    clock = Clock(datetime.now(UTC))
    settings = ApiSettings(database_url=database_url, broker_managed=broker_managed, pool_size=pool_size)
    app = create_app(settings, clock=clock, feed_times=feed_times)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=BASE) as client,
    ):
        yield Api(app=app, client=client, clock=clock)


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is a whole problem document of this status and code, under the security headers."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:shouwang:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert_secured(answer)


def assert_secured(answer: httpx.Response) -> None:
    """The answer carries the security headers, with no inline script or style allowed."""
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


_STORE = """
INSERT INTO event (position, received_at, at, effective_at, device, type, value, seq, boot, flags, detail)
VALUES (%(position)s, %(at)s, %(at)s, %(at)s, %(device)s, %(type)s, %(value)s, -1, 0, 0, %(detail)s)
"""
_DEVICES = "SELECT d.id, s.code || '/' || d.code AS name FROM device d JOIN site s ON s.id = d.site"


class Homes:
    """Two homes with an SOS button each, and the rule engine that watches them. One at a time may act."""

    def __init__(self, conn: Connection, engine: LiveEngine) -> None:
        self._conn = conn
        self._engine = engine
        self._ids: dict[str, int] = {}

    async def bootstrap(self) -> None:
        await self._engine.bootstrap(self._conn)
        rows = await (await self._conn.execute(_DEVICES)).fetchall()
        self._ids = {row["name"]: row["id"] for row in rows}

    async def happen(self, device: str, what: str, at: datetime | None = None, **more: Any) -> int:
        """Commit one event and all it causes, as ingest does. Returns its id."""
        when = at or datetime.now(UTC)
        async with self._conn.transaction():
            head = await lock_head(self._conn)
            control = await read_input(self._conn, self._engine.position)
            head.position += 1
            number, kind = self._ids[device], EVENT_TYPES[what]
            row = {"position": head.position, "device": number, "type": kind}
            batch = columns([{**row, "received_at": micros(when), "effective_at": micros(when), "at": micros(when)}])
            await self._engine.run(
                self._conn, head, control=control, events=batch, watermark=None, received_at=micros(when)
            )
            detail = Jsonb({key: value for key, value in more.items() if key != "value"})
            await self._conn.execute(_STORE, {**row, "at": when, "value": more.get("value", nan), "detail": detail})
            await save_head(self._conn, head)
        self._engine.adopt()
        return head.position

    async def press(self, device: str = "h1/sos-1") -> int:
        """One press of an SOS button: an alert, or an occurrence more."""
        return await self.happen(device, "sos.pressed")


@asynccontextmanager
async def homes_of(database_url: str, registry: str = TWO_HOMES) -> AsyncIterator[Homes]:
    """Import the homes and watch them, on a connection of their own."""
    async with await connect(database_url, name="homes") as conn:
        await import_registry(conn, registry, file="test", by="test", now=datetime.now(UTC))
        homes = Homes(conn, LiveEngine())
        await homes.bootstrap()
        yield homes
