"""Between ingest and its broker: it passes on, and sees which event each acknowledgement is for."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

_PUBLISH, _PUBACK = 3, 4
_QOS = 0b0110

Told = Callable[[list[int]], Awaitable[None]]


class Witness:
    """Tells `acknowledged` the values of the events that a PUBACK is for, before the broker reads it."""

    def __init__(self, target: int, acknowledged: Told) -> None:
        self._target, self._told = target, acknowledged
        self.delivered = 0  # events, redelivered ones too
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except ConnectionError:
            writer.close()
            return
        values: dict[int, int] = {}  # of this connection: packet id -> the event's value
        deliveries = asyncio.create_task(self._deliver(there, writer, values))
        try:
            await self._acknowledge(reader, back, values)
        finally:
            deliveries.cancel()
            for stream in (writer, back):
                stream.close()

    async def _deliver(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, values: dict[int, int]) -> None:
        seen = _Packets()
        with suppress(ConnectionError):
            while data := await there.read(65536):
                for kind, body in seen.feed(data):
                    for packet, value in _event(kind, body) if kind >> 4 == _PUBLISH else ():
                        values[packet] = value
                        self.delivered += 1
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _acknowledge(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, values: dict[int, int]
    ) -> None:
        seen = _Packets()
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                packets = [int.from_bytes(body) for kind, body in seen.feed(data) if kind >> 4 == _PUBACK]
                if known := [values[packet] for packet in packets if packet in values]:
                    await self._told(known)
                back.write(data)
                await back.drain()


class _Packets:
    """MQTT 3.1.1 control packets out of a stream of bytes (section 2.2)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The first byte and the body of every packet that is whole by now."""
        self._rest += data
        while (header := _header(self._rest)) is not None:
            start, size = header
            if len(self._rest) < start + size:
                return
            packet, self._rest = self._rest[: start + size], self._rest[start + size :]
            yield packet[0], packet[start:]


def _header(data: bytes) -> tuple[int, int] | None:
    """Where the body starts and how long it is; None while the header is not whole."""
    size = 0
    for n, byte in enumerate(data[1:5]):
        size |= (byte & 0x7F) << 7 * n
        if not byte & 0x80:
            return n + 2, size
    return None


def _event(kind: int, body: bytes) -> Iterator[tuple[int, int]]:
    """Packet id and value, where the message at QoS 1 carries an event with one."""
    if not kind & _QOS:
        return
    start = 2 + int.from_bytes(body[:2])
    with suppress(ValueError, KeyError, TypeError):
        yield int.from_bytes(body[start : start + 2]), json.loads(body[start + 2 :])["value"]


@asynccontextmanager
async def witnessed(target: int, acknowledged: Told) -> AsyncIterator[Witness]:
    """A witness of a broker's clients, who find it at its `port`."""
    witness = Witness(target, acknowledged)
    server = await asyncio.start_server(witness.serve, "127.0.0.1", 0)
    try:
        witness.port = server.sockets[0].getsockname()[1]
        yield witness
    finally:
        server.close()
