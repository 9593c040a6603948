"""The live feed as a desk reads it, with the moment at which each change arrived."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from runtime.errors import StartError

CONNECT_SECONDS = 30.0
_CHANGE = b"event: alert"


class _Alert(msgspec.Struct):
    site: str
    rule: str


class _Change(msgspec.Struct):
    change: str
    alert: _Alert


_decoder = msgspec.json.Decoder(_Change)


class Answer(Protocol):
    """What a feed is read from."""

    def readline(self) -> bytes: ...


class Feed:
    """`arrived` holds, by site, when the raise of its emergency call came over the feed (`time.perf_counter`)."""

    def __init__(self, response: Answer) -> None:
        self._response = response
        self.arrived: dict[str, float] = {}

    def read(self) -> None:
        """Take in lines until the connection ends; what ends it is for whoever waits for an arrival to tell."""
        told = b""
        while line := self._line():
            now = time.perf_counter()
            if line.startswith(b"event:"):
                told = line
            # Other events, such as of emergencies that are not recorded yet, are of another form.
            elif line.startswith(b"data:") and told.strip() == _CHANGE:
                self._take(line, now)

    def _line(self) -> bytes:
        # A connection that is closed under a reader ends with one of many errors.
        with suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            return self._response.readline()
        return b""

    def _take(self, line: bytes, now: float) -> None:
        change = _decoder.decode(line.removeprefix(b"data:"))
        if change.change == "raised" and change.alert.rule == "S-01":
            self.arrived.setdefault(change.alert.site, now)


@contextmanager
def following(url: str, token: str) -> Iterator[Feed]:
    """A feed that is read in a thread of its own from here on. Raises `StartError`."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=CONNECT_SECONDS)
    try:
        connection.request("GET", "/api/v1/alerts/feed", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise StartError(f"the feed answers {response.status}")
        # Its first comment: whoever presses from now on is heard.
        response.readline()
        feed = Feed(response)
        reading = threading.Thread(target=feed.read, name="bench-feed", daemon=True)
        reading.start()
        yield feed
    finally:
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
