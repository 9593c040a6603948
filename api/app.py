"""The app factory: everything it holds lives in its lifespan, nothing is global."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from fastapi import FastAPI
from starlette.middleware import Middleware

from api import openapi, pages, problems
from api.activity import Activity
from api.admission import Admission
from api.feed import FeedTimes, Pages
from api.headers import SecurityHeaders
from api.heard import Board
from api.lastknown import LastKnown
from api.limits import BodyLimit
from api.lockout import Lockout
from api.metrics import Measured
from api.routes import ROUTERS, health, heard, intake, rules
from api.service import PATIENCE, Service, utc_now
from api.settings import ApiSettings
from api.streets import Streets
from api.tail import Tail
from store.pool import open_pool

PREFIX = "/api/v1"
BODY_LIMITS = {f"{PREFIX}/registry/import": intake.IMPORT_LIMIT, f"{PREFIX}/rules/": rules.OVERRIDES_LIMIT} | {
    "/heard": heard.LIMIT
}


def create_app(
    settings: ApiSettings, *, clock: Callable[[], datetime] = utc_now, feed_times: FeedTimes | None = None
) -> FastAPI:
    """Build the app. It starts and answers also while the database is away."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_pool(settings.database_url, name="api", max_size=settings.pool_size, patience=PATIENCE) as pool,
            Tail(pool, settings.database_url).running() as tail,
            Pages(pool).open() as pages,
            Admission(pool, managed=settings.broker_managed).open() as admission,
        ):
            app.state.service = Service(
                settings=settings,
                pool=pool,
                tail=tail,
                pages=pages,
                feed_times=feed_times or FeedTimes(),
                lockout=Lockout(time.monotonic),
                activity=Activity(),
                board=Board(tail.nudge),
                streets=Streets(),
                last_known=LastKnown(),
                admission=admission,
                clock=clock,
                started_at=clock(),
            )
            yield

    app = FastAPI(
        title=openapi.TITLE,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(SecurityHeaders, https=settings.cookie_secure),
            Middleware(Measured),
            Middleware(BodyLimit, limits=BODY_LIMITS),
        ],
    )
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]  # the way that FastAPI documents
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(heard.router)
    app.include_router(openapi.router)
    app.include_router(pages.router)
    return app
