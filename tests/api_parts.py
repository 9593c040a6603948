"""The API in the test's own process, asked over ASGI, on the test's own database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.service import Service
from api.settings import ApiSettings
from api.tokens import issue_token
from devices.scope import Scope

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
async def running_api(database_url: str) -> AsyncIterator[Api]:
    """Start an app and end it with the block. Its errors come back as answers, as they would over a socket."""
    clock = Clock(datetime.now(UTC))
    app = create_app(ApiSettings(database_url=database_url, broker_managed=False), clock=clock)
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
