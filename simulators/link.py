"""Where a broker is and as whom to speak to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import aiomqtt

PORTS = {"mqtt": 1883, "mqtts": 8883}
TIMEOUT = 5  # seconds to connect and to disconnect in
KEEPALIVE = 15  # seconds; a broker that hangs is noticed within about twice that


# Held while connecting, by as many at once as it lets in.
Gate = AbstractAsyncContextManager[None]


class BadLink(ValueError):
    """The text is no MQTT URL; the message says what one looks like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One client's way to a broker; `client_id` None lets the client make one."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None
    tls: bool = False
    ca_file: Path | None = None

    @classmethod
    def from_url(cls, url: str, *, ca_file: Path | None = None) -> Self:
        """Read `mqtt://user:password@host:port`, or `mqtts://` for TLS, checked against `ca_file` or the system's."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in PORTS or not parts.hostname or port == -1:
            raise BadLink("an MQTT URL is written mqtt://user:password@host:1883 or mqtts://…")
        return cls(
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme == "mqtts",
            ca_file=ca_file,
        )

    def as_user(self, username: str, password: str) -> Self:
        """The same broker for a device: its client id is its user name."""
        return replace(self, username=username, password=password, client_id=username)

    @property
    def place(self) -> str:
        """For messages: where, never as whom."""
        return f"{self.host}:{self.port}"

    def client(self, *, window: int, will: aiomqtt.Will | None = None) -> aiomqtt.Client:
        """A client for one connection; paho sends at most `window` unacknowledged messages at a time."""
        client = aiomqtt.Client(
            self.host,
            self.port,
            username=self.username,
            password=self.password,
            identifier=self.client_id,
            will=will,
            keepalive=KEEPALIVE,
            timeout=TIMEOUT,
            max_inflight_messages=window,
            tls_context=ssl.create_default_context(cafile=self.ca_file) if self.tls else None,
        )
        client.pending_calls_threshold = window  # it warns above it, and a full window is meant
        return client


@asynccontextmanager
async def connected(client: aiomqtt.Client, gate: Gate | None = None) -> AsyncIterator[None]:
    """Hold a connection; whenever it is cancelled, while connecting too, no connection is left and the cancel stands.

    MqttError where it could not begin; one that cannot end in order has ended all the same. `gate` is held meanwhile.
    """
    async with gate or nullcontext():
        await _enter(client)
    try:
        yield
    finally:
        await _leave(client)


async def _enter(client: aiomqtt.Client) -> None:
    entering = asyncio.create_task(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        await asyncio.wait({entering})
        if entering.exception() is None:
            await _leave(client)
        raise


async def _leave(client: aiomqtt.Client) -> None:
    with suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)
