"""A connection on which messages come and acknowledgements go is alive, whenever its pong comes."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from ingest import session as sessions
from ingest.address import BrokerAddress
from ingest.delivery import Publish, Receipt
from ingest.marks import Outgoing
from ingest.session import Session

KEEPALIVE, TALKS = 1, 3.5  # seconds
CONNACK, SUBACK = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01"
MESSAGE = b"\x32\x08\x00\x03a/b\x00\x07x"
PINGREQ, PUBACK = b"\xc0\x00", b"\x40\x02\x00\x07"


class Talker:
    """A broker that sends messages and never a pong; `heard` is what came after the subscription."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.1)
        self.port = int(self._listening.getsockname()[1])
        self.heard = bytearray()
        self.connections = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            # Nobody comes for a while, or who came hangs up: the next one, then.
            with suppress(OSError):
                line, _ = self._listening.accept()
                self.connections += 1
                with line:
                    self._talk(line)

    def _talk(self, line: socket.socket) -> None:
        line.settimeout(5)
        line.recv(4096)
        line.sendall(CONNACK)
        line.recv(4096)
        line.sendall(SUBACK)
        line.settimeout(0.05)
        while not self._over.is_set():
            line.sendall(MESSAGE)
            try:
                if not (came := line.recv(4096)):
                    return
            except TimeoutError:
                continue
            self.heard += came

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        self._listening.close()


class Taker:
    """Acknowledges each message at once."""

    def begin(self) -> int:
        return 1

    def filters(self) -> Sequence[tuple[str, int]]:
        return (("a/b", 1),)

    def granted(self) -> None:
        """Nothing waits for it."""

    def outgoing(self) -> Sequence[Outgoing]:
        return ()

    def message(self, message: Publish) -> Receipt:
        return Receipt(1, message.packet, 1)

    def burst_ended(self) -> None:
        """Nothing waits for it."""

    def settle(self, _receipt: Receipt) -> bool:
        return True

    def full(self) -> bool:
        return False

    def relieved(self) -> bool:
        return True


@pytest.fixture
def talker() -> Iterator[Talker]:
    running = Talker()
    yield running
    running.close()


def test_what_comes_and_goes_keeps_it_alive(talker: Talker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through several keepalive intervals there is one connection, no ping, and a PUBACK for each message."""
    monkeypatch.setattr(sessions, "KEEPALIVE_SECONDS", KEEPALIVE)
    lost = threading.Event()
    session = Session(
        BrokerAddress.parse(f"mqtt://u:p@127.0.0.1:{talker.port}"),
        Taker(),
        client_id="c",
        clean=True,
        name="test",
        changed=lambda change: lost.set() if change == "lost" else None,
        doubt=lambda: 0.0,
    )
    session.connect()
    began = time.monotonic()
    assert not lost.wait(TALKS)
    assert time.monotonic() - began >= TALKS
    session.disconnect()
    assert talker.connections == 1
    assert PINGREQ not in talker.heard
    assert talker.heard.count(PUBACK) > TALKS / 0.1
