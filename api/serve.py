"""Run the app under uvicorn, so that it can also end with feeds open."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.settings import ApiSettings

log = logging.getLogger(__name__)

GRACE = 4  # seconds that answers under way may still take

# Milliseconds after which a reader that takes nothing more is dropped, whether it is gone or only stands still.
STUCK_AFTER = 30_000


class Server(uvicorn.Server):
    """Ends the feeds before it waits for connections to close, and leaves SIGTERM answered with an orderly return."""

    def __init__(self, app: FastAPI, settings: ApiSettings) -> None:
        proxies = list(settings.proxies)
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                timeout_graceful_shutdown=GRACE,
                lifespan="on",
            )
        )
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.service.tail.stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def bind(host: str, port: int) -> socket.socket:
    """Open the listening socket; what it sets is inherited by every connection. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_AFTER)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


async def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then return once answers under way are done. Raises OSError for a used port."""
    listening = bind(settings.host, settings.port)
    log.info("the API listens", extra={"host": settings.host, "port": listening.getsockname()[1]})
    await Server(create_app(settings), settings).serve([listening])
