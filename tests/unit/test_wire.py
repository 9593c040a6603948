"""Reading and writing in large pieces changes when bytes travel, never which."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.delivery import NO_TOPIC, Publish
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


def packed(message: Publish, topic: bytes | None = None) -> bytes:
    """The packet of a message, by MQTT 3.1.1, sections 2.2 and 3.3."""
    name = message.topic.encode() if topic is None else topic
    body = len(name).to_bytes(2, "big") + name + (message.packet.to_bytes(2, "big") if message.qos else b"")
    body += message.payload
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            break
    return bytes([0x30 | message.dup << 3 | message.qos << 1 | message.retain]) + bytes(length) + body


topics = st.sampled_from(["a/b", "shouwang/v1/h1/sos-1/event", "守望/一", "x" * 130])
payloads = st.one_of(st.binary(max_size=9), st.sampled_from([118, 119, 16_000, 20_000]).map(bytes))
messages = st.one_of(
    st.builds(Publish, topics, payloads, st.just(0), st.just(0), st.just(value=False), st.booleans()),
    st.builds(Publish, topics, payloads, st.just(1), st.integers(1, 65_535), st.booleans(), st.booleans()),
)


@given(told=st.lists(messages, max_size=8))
def test_whole_messages_come_out_as_they_were_put_in(told: list[Publish]) -> None:
    """However many lie in one piece, each is taken once, in order, and nothing of the next one with it."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    wire.setblocking(False)
    theirs.sendall(b"".join(map(packed, told)) + b"\xd0\x00")
    assert [wire.publish() for _ in told] == told
    assert wire.publish() is None
    assert wire.recv(9) == b"\xd0\x00"
    wire.close()
    theirs.close()


WHOLE = packed(Publish("a/b", b"payload", 1, 7, dup=False, retain=False))
# What is in doubt: QoS 2, both bits of QoS, a topic longer than its packet, a length of five bytes, not all of it yet.
DOUBTFUL = [
    b"\x34" + WHOLE[1:],
    b"\x36" + WHOLE[1:],
    b"\x32\x04\x00\x09ab",
    b"\x32\x80\x80\x80\x80\x01",
    b"\x32\x01\x00",
]


@pytest.mark.parametrize("packet", [*DOUBTFUL, *(WHOLE[:size] for size in range(1, len(WHOLE)))])
def test_what_is_in_doubt_is_left_where_it_is(ends: tuple[Wire, socket.socket], packet: bytes) -> None:
    """Not a byte of it is taken: paho reads it, and judges."""
    wire, theirs = ends
    theirs.sendall(packet)
    assert wire.publish() is None
    assert wire.recv(99) == packet


def test_a_topic_that_is_no_text_is_named_as_such(ends: tuple[Wire, socket.socket]) -> None:
    """Its message goes to quarantine like any other that names no device."""
    wire, theirs = ends
    theirs.sendall(packed(Publish("", b"x", 1, 7, dup=False, retain=False), topic=b"\xff\xfe"))
    assert wire.publish() == Publish(NO_TOPIC, b"x", 1, 7, dup=False, retain=False)
