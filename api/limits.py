"""How large a request may be. The framework's own limit answers in plain text and outside our headers."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem

DEFAULT_LIMIT = 64 * 1024  # bytes
TOO_LARGE = 413


class BodyLimit:
    """ASGI middleware. `limits` are bytes by the path's beginning, for paths that take more than the default."""

    def __init__(self, app: ASGIApp, *, limits: Mapping[str, int]) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((size for path, size in self._limits.items() if scope["path"].startswith(path)), DEFAULT_LIMIT)
        said = Headers(scope=scope).get("content-length", "")
        if said.isdigit() and int(said[:20]) > limit:
            await too_large(limit).response()(scope, receive, send)
            return
        taken = 0

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # The framework passes on its own kind of exception alone from where it reads the body.
                raise HTTPException(TOO_LARGE, f"More than {limit} bytes were sent.")
            return message

        await self._app(scope, receiving, send)


def too_large(limit: int) -> Problem:
    return Problem(TOO_LARGE, "too-large", f"More than {limit} bytes were sent.", headers={"Connection": "close"})
