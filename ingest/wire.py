"""A socket that is read and written in large pieces, and the short way of a message through it.

paho calls `recv` three times for a message and `send` once for every acknowledgement, and some eighty functions in
between: two thirds of what a message cost ingest. So whole PUBLISH packets are taken out of what came, and PUBACKs
written, here; everything else, and whatever is in doubt, is paho's.
"""

import ssl
import time
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt

from ingest.delivery import NO_TOPIC, Publish

READ_BYTES = 256 * 1024
# Beyond this paho is told to wait, as by a socket that takes no more.
MOST_UNSENT = 1024 * 1024
# Of a packet's first byte (MQTT 3.1.1, section 2.2): its type, and the QoS where only 0 and 1 are meant.
_KIND, _PUBLISH = 0xF4, 0x30
_DUP, _QOS_1, _RETAIN = 0x08, 0x02, 0x01
_PUBACK = b"\x40\x02"
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """A connected socket, plain or TLS; what paho sends waits for `flush`, `close` included."""

    def __init__(self, connected: Any) -> None:
        self._socket = connected
        self._came, self._read = b"", 0
        self._unsent = bytearray()

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end of the connection. Raises as a socket does that does not block."""
        if self._read == len(self._came):
            self._fill()
        piece: bytes = self._came[self._read : self._read + size]
        self._read += len(piece)
        return piece

    def publish(self) -> Publish | None:
        """Take the PUBLISH that is next; None where something else is, nothing, or not all of it yet."""
        if self._read == len(self._came):
            try:
                self._fill()
            except _NOT_NOW:
                return None
        came, first = self._came, self._read
        if first == len(came) or came[first] & _KIND != _PUBLISH:
            return None
        found = _publish(came, first)
        if found is None:
            return None
        message, self._read = found
        return message

    def _fill(self) -> None:
        self._came, self._read = self._socket.recv(READ_BYTES), 0

    def send(self, data: bytes) -> int:
        """Take all of it, or raise BlockingIOError."""
        if len(self._unsent) >= MOST_UNSENT:
            self.flush()
        if len(self._unsent) >= MOST_UNSENT:
            raise BlockingIOError
        self._unsent += data
        return len(data)

    def flush(self) -> None:
        """Send what the socket takes now. Raises OSError where the connection is gone."""
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except _NOT_NOW:
            return

    def pending(self) -> int:
        """How many bytes may be read that no poll sees."""
        below = getattr(self._socket, "pending", None)
        return len(self._came) - self._read + (below() if below is not None else 0)

    def unsent(self) -> int:
        return len(self._unsent)

    def fileno(self) -> int:
        return int(self._socket.fileno())

    def setblocking(self, blocking: bool) -> None:
        self._socket.setblocking(blocking)

    def close(self) -> None:
        with suppress(OSError):
            self.flush()
        self._socket.close()


def _publish(came: bytes, first: int) -> tuple[Publish, int] | None:
    """The PUBLISH that begins at `first`, and where the next packet begins; None if it is not whole, or in doubt."""
    found = _length(came, first + 1)
    if found is None or sum(found) > len(came):
        return None
    start, end = found[0], sum(found)
    topic_end = start + 2 + int.from_bytes(came[start : start + 2], "big")
    qos = 1 if came[first] & _QOS_1 else 0
    begin = topic_end + 2 * qos
    if begin > end:
        return None
    packet = int.from_bytes(came[topic_end:begin], "big")
    dup, retain = bool(came[first] & _DUP), bool(came[first] & _RETAIN)
    return Publish(_text(came[start + 2 : topic_end]), came[begin:end], qos, packet, dup, retain), end


def _length(came: bytes, at: int) -> tuple[int, int] | None:
    """Where the packet's body begins and how long it is (section 2.2.3: seven bits a byte, four bytes at most)."""
    length = 0
    for n, byte in enumerate(came[at : at + 4]):
        length |= (byte & 0x7F) << 7 * n
        if not byte & 0x80:
            return at + n + 1, length
    return None


def _text(topic: bytes) -> str:
    try:
        return topic.decode()
    except UnicodeDecodeError:
        return NO_TOPIC


class Client(mqtt.Client):
    """paho's client on a `Wire`."""

    wire: Wire

    def _create_socket(self) -> Any:
        # paho has no other place where a socket could be put around its own.
        self.wire = Wire(super()._create_socket())
        return self.wire

    def publish_read(self) -> Publish | None:
        """The next PUBLISH, where it is whole and paho is not within a packet."""
        return self.wire.publish() if self._in_packet["command"] == 0 else None

    def acknowledge(self, packet: int) -> None:
        """Send a PUBACK. Raises BlockingIOError where the broker reads none of them."""
        self.wire.send(_PUBACK + packet.to_bytes(2, "big"))

    def heard(self) -> None:
        """Tell paho's keepalive that something was read past it, or a pong behind many messages would come too late."""
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()

    def spoke(self) -> None:
        """Tell paho's keepalive that something was sent past it."""
        with self._msgtime_mutex:
            self._last_msg_out = time.monotonic()
