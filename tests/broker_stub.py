"""The publishing half of an MQTT 3.1.1 broker on a socket, to be as unkind as a test needs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CONNECT, PUBLISH, PINGREQ, DISCONNECT = 1, 3, 12, 14
ACCEPTED, BAD_CREDENTIALS = 0, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    client_id: str
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(kw_only=True)
class BrokerStub:
    """Keeps all that was published. `hang_up` says before which message, counted from 1, it drops the connection."""

    port: int = 0
    hang_up: Callable[[int], bool] = lambda _number: False
    welcome: asyncio.Event | None = None  # where given, nobody is let in before it is set
    refuse: Callable[[str], bool] = lambda _client_id: False
    published: list[Published] = field(default_factory=list)
    wills: dict[str, Published] = field(default_factory=dict)
    connections: int = 0
    knocked: int = 0
    clients: dict[str, asyncio.StreamWriter] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _seen: int = 0

    @property
    def url(self) -> str:
        return f"mqtt://someone:secret@127.0.0.1:{self.port}"

    async def until(self, reached: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until the condition holds; it is looked at whenever something was published or a client left."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(reached)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client_id: str | None = None
        try:
            client_id = await self._welcome(reader, writer)
            while client_id is not None and await self._answer(client_id, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.clients.pop(client_id or "", None)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await self._tell()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        """Answer CONNECT; the client id, or None where it was refused."""
        first, body = await _packet(reader)
        assert first >> 4 == CONNECT
        self.knocked += 1
        await self._tell()
        if self.welcome is not None:
            await self.welcome.wait()
        flags, rest = body[7], body[10:]
        client_id, rest = _text(rest)
        if flags & 0x04:
            topic, rest = _text(rest)
            size = int.from_bytes(rest[:2], "big")
            self.wills[client_id] = Published(
                client_id=client_id,
                topic=topic,
                payload=rest[2 : 2 + size],
                qos=(flags >> 3) & 3,
                retain=bool(flags & 0x20),
            )
        refused = self.refuse(client_id)
        writer.write(bytes([0x20, 2, 0, BAD_CREDENTIALS if refused else ACCEPTED]))
        if refused:
            return None
        self.connections += 1
        self.clients[client_id] = writer
        return client_id

    async def _answer(self, client_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, body = await _packet(reader)
        if first >> 4 == PINGREQ:
            writer.write(b"\xd0\x00")
        if first >> 4 == PUBLISH:
            return await self._take(client_id, first, body, writer)
        return first >> 4 != DISCONNECT

    async def _take(self, client_id: str, first: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        qos = (first >> 1) & 3
        topic, rest = _text(body)
        number, payload = (rest[:2], rest[2:]) if qos else (b"", rest)
        self._seen += 1
        if self.hang_up(self._seen):
            return False
        self.published.append(
            Published(client_id=client_id, topic=topic, payload=payload, qos=qos, retain=bool(first & 1))
        )
        if qos:
            writer.write(b"\x40\x02" + number)
        await self._tell()
        return True


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return first, await reader.readexactly(length)


def _text(data: bytes) -> tuple[str, bytes]:
    end = 2 + int.from_bytes(data[:2], "big")
    return data[2:end].decode(), data[end:]


@asynccontextmanager
async def broker_stub() -> AsyncIterator[BrokerStub]:
    stub = BrokerStub()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        for writer in list(stub.clients.values()):
            writer.close()
        await stub.until(lambda: not stub.clients)
        await server.wait_closed()
