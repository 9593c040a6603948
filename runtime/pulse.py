"""Whether a broker still answers: one MQTT connection, one PINGREQ at a time (MQTT 3.1.1, sections 3.1, 3.12)."""

import asyncio
import secrets
import ssl

from ingest.address import BrokerAddress

ANSWER_SECONDS = 5.0
_PING, _PONG = b"\xc0\x00", b"\xd0\x00"
_WELCOME = b"\x20\x02\x00\x00"
_KEEPALIVE = 60
_CLEAN, _NAME_AND_PASSWORD = 0b0000_0010, 0b1100_0000


class Pulse:
    """A process that runs may hang all the same: `beats` asks it. It does not raise."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None, patience: float = ANSWER_SECONDS) -> None:
        self._address = BrokerAddress.parse(url)
        self._tls = tls
        self._patience = patience
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def beats(self) -> bool:
        """Whether the broker answered within `patience` seconds; a lost connection is made anew first."""
        try:
            async with asyncio.timeout(self._patience):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls)
                    await self._ask(self._hello(), _WELCOME)
                await self._ask(_PING, _PONG)
        except (OSError, EOFError, TimeoutError):
            self.close()
            return False
        return True

    def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()

    async def _ask(self, packet: bytes, answer: bytes) -> None:
        assert self._streams is not None  # noqa: S101 -- `beats` has just connected
        reader, writer = self._streams
        writer.write(packet)
        if await reader.readexactly(len(answer)) != answer:
            raise ConnectionRefusedError("the broker does not let us in")

    def _hello(self) -> bytes:
        login = b""
        if self._address.username is not None:
            login = _text(self._address.username) + _text(self._address.password or "")
        flags = _CLEAN | (_NAME_AND_PASSWORD if login else 0)
        body = _text("MQTT") + bytes([4, flags]) + _KEEPALIVE.to_bytes(2, "big")
        body += _text(f"pulse-{secrets.token_hex(8)}") + login
        return b"\x10" + _length(len(body)) + body


def _text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def _length(size: int) -> bytes:
    """A remaining length, seven bits a byte (section 2.2.3)."""
    digits = bytearray()
    while size >= 1 << 7:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*digits, size])
