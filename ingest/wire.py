"""A socket that is read and written in large pieces.

paho calls `recv` three times for a message and `send` once for every acknowledgement; over loopback these calls
were most of what a message costs the network thread, and a third of what it costs the broker.
"""

import ssl
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt

READ_BYTES = 256 * 1024
# Beyond this paho is told to wait, as by a socket that takes no more.
MOST_UNSENT = 1024 * 1024
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
            self._came, self._read = self._socket.recv(READ_BYTES), 0
        piece: bytes = self._came[self._read : self._read + size]
        self._read += len(piece)
        return piece

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


class Client(mqtt.Client):
    """paho's client on a `Wire`."""

    wire: Wire

    def _create_socket(self) -> Any:
        # paho has no other place where a socket could be put around its own.
        self.wire = Wire(super()._create_socket())
        return self.wire
