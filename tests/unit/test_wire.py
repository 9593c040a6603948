"""Reading and writing in large pieces changes when bytes travel, never which."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ingest.wire import MOST_UNSENT, READ_BYTES, Wire


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire that does not block, and the other end."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    wire.setblocking(False)
    theirs.settimeout(10)
    yield wire, theirs
    wire.close()
    theirs.close()


def test_what_came_is_given_in_order_and_in_the_sizes_asked_for(ends: tuple[Wire, socket.socket]) -> None:
    """One reading of the socket serves many."""
    wire, theirs = ends
    theirs.sendall(b"abcdef")
    assert [wire.recv(1), wire.recv(2), wire.pending(), wire.recv(9)] == [b"a", b"bc", 3, b"def"]
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    theirs.sendall(b"g")
    assert wire.recv(9) == b"g"


def test_the_end_comes_after_all_that_was_sent_before_it(ends: tuple[Wire, socket.socket]) -> None:
    """Bytes that are held are no end, and the end is told again whenever it is asked for."""
    wire, theirs = ends
    theirs.sendall(b"last")
    theirs.shutdown(socket.SHUT_WR)
    assert [wire.recv(2), wire.recv(2), wire.recv(1), wire.recv(1)] == [b"la", b"st", b"", b""]


def test_nothing_travels_before_the_flush(ends: tuple[Wire, socket.socket]) -> None:
    """What was sent in pieces arrives as one."""
    wire, theirs = ends
    assert [wire.send(b"ab"), wire.send(b"cd"), wire.unsent()] == [2, 2, 4]
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(9)
    wire.flush()
    assert (theirs.recv(9), wire.unsent()) == (b"abcd", 0)


def test_a_reader_that_is_slow_gets_every_byte_once(ends: tuple[Wire, socket.socket]) -> None:
    """What the socket does not take is kept, more is refused while too much is kept, and nothing is lost."""
    wire, theirs = ends
    piece, came = bytes(range(256)) * 64, bytearray()
    taken = all_it_takes(wire, piece)
    assert 0 < wire.unsent() < MOST_UNSENT + len(piece)
    while len(came) < taken:
        came += theirs.recv(READ_BYTES)
        wire.flush()
    assert came == piece * (taken // len(piece))
    assert wire.send(b"x") == 1


def all_it_takes(wire: Wire, piece: bytes) -> int:
    """Send until it refuses; how many bytes it took."""
    taken = 0
    with suppress(BlockingIOError):
        while True:
            taken += wire.send(piece)
    return taken


def test_closing_sends_what_waits(ends: tuple[Wire, socket.socket]) -> None:
    """A goodbye is the last thing that is written before the end."""
    wire, theirs = ends
    wire.send(b"goodbye")
    wire.close()
    assert (theirs.recv(9), theirs.recv(9)) == (b"goodbye", b"")


def test_closing_where_nobody_listens_is_quiet() -> None:
    """A broken connection is closed like any other."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    theirs.close()
    wire.send(b"goodbye")
    wire.close()
    assert wire.fileno() == -1


def test_a_broken_connection_is_told_at_the_flush() -> None:
    """What paho believed sent did not arrive: whoever flushes hears of it."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    theirs.close()
    wire.send(b"never")
    with pytest.raises(BrokenPipeError):
        wire.flush()
    wire.close()
