"""A publisher that costs next to nothing, so that it measures the parts and not itself: ready-made MQTT packets.

It knows CONNECT, PUBLISH at QoS 1 and the two answers to them, four bytes each; nothing is ever sent twice.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import unquote, urlsplit

from runtime.errors import StartError

_CONNACK, _PUBLISH_QOS_1 = 0x20, 0x32
_CLEAN_WITH_LOGIN = 0xC2
_ANSWER_BYTES = 4
READ_BYTES = 1 << 16


class HungUp(StartError):
    """The broker ended a session under way, as it does when it cannot keep up."""


class Connection:
    """One session; `acknowledged` counts what the broker has taken over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int) -> None:
        self._reader, self._writer, self._window = reader, writer, window
        self._bytes = self.sent = 0
        self._gone = False
        self._news = asyncio.Event()

    @property
    def acknowledged(self) -> int:
        return self._bytes // _ANSWER_BYTES

    def put(self, packet: bytes) -> None:
        """Send one packet now, whatever is under way."""
        self._writer.write(packet)
        self.sent += 1

    async def send(self, packets: Sequence[bytes]) -> None:
        """Send packets in their order, no more of them under way than the window. Raises `HungUp`."""
        done = 0
        while done < len(packets):
            room = self._window - (self.sent - self.acknowledged)
            if room <= 0 or self._gone:
                await self._answered()
                continue
            part = packets[done : done + room]
            self._writer.write(b"".join(part))
            self.sent += len(part)
            done += len(part)
            await self._writer.drain()

    async def _answered(self) -> None:
        if self._gone:
            raise HungUp("the broker hung up on the publisher")
        self._news.clear()
        await self._news.wait()

    async def read(self) -> None:
        """Count answers until the connection ends."""
        try:
            while data := await self._reader.read(READ_BYTES):
                self._bytes += len(data)
                self._news.set()
        finally:
            self._gone = True
            self._news.set()


@asynccontextmanager
async def connected(url: str, count: int, *, window: int) -> AsyncIterator[list[Connection]]:
    """So many sessions with the broker, which log in with the URL's credentials. Raises `StartError`."""
    async with AsyncExitStack() as exits:
        yield [await exits.enter_async_context(_connected(url, window)) for _ in range(count)]


@asynccontextmanager
async def _connected(url: str, window: int) -> AsyncIterator[Connection]:
    # Two sessions of one name would end each other.
    place, name = urlsplit(url), f"bench-{secrets.token_hex(8)}"
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(connect_packet(name, unquote(place.username or ""), unquote(place.password or "")))
        answer = await reader.readexactly(_ANSWER_BYTES)
        if answer[0] != _CONNACK or answer[3]:
            raise StartError(f"the broker refuses the publisher: {answer.hex()}")
        connection = Connection(reader, writer, window)
        reading = asyncio.create_task(connection.read(), name=name)
        try:
            yield connection
        finally:
            reading.cancel()
            await asyncio.wait({reading})
    finally:
        writer.close()


def connect_packet(client: str, username: str, password: str) -> bytes:
    """CONNECT of MQTT 3.1.1, with a clean session and no keep-alive."""
    body = _text("MQTT") + bytes([4, _CLEAN_WITH_LOGIN, 0, 0]) + _text(client) + _text(username) + _text(password)
    return b"\x10" + _length(len(body)) + body


def publish_packet(topic: bytes, payload: bytes, packet: int) -> bytes:
    """PUBLISH at QoS 1."""
    body = len(topic).to_bytes(2) + topic + packet.to_bytes(2) + payload
    return bytes([_PUBLISH_QOS_1]) + _length(len(body)) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2) + data


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (128 if size else 0))
        if not size:
            return bytes(out)
