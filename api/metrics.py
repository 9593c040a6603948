"""What the API counts."""

import time

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Counted by whoever watches the broker; declared here so that it stands at 0 before the first refusal.
REFUSED = Counter("shouwang_refused_total", "Messages that the broker denied: published under another's topic.")
REQUESTS = Counter("shouwang_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("shouwang_http_request_duration_seconds", "Time until an answer began.", ["method", "route"])
FEEDS = Gauge("shouwang_feed_readers", "Feeds being read.", multiprocess_mode="livesum")
FEED_EVENTS = Counter("shouwang_feed_events_total", "Changes sent over feeds.")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """ASGI middleware that counts answers by route, never by path: paths carry codes of homes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                REQUESTS.labels(method, route, str(message["status"])).inc()
                SECONDS.labels(method, route).observe(time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, sending)
