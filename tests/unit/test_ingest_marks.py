"""Marks behind the backlog: until when all has come."""

from dataclasses import dataclass

from ingest.marks import BELIEVED_AFTER, SLOW, Marks

CHANNELS = ("event", "batch")


@dataclass
class Clocks:
    """Microseconds on the wall, seconds of the monotonic clock."""

    wall: int = 300
    seconds: float = 50.0


def _granted(clocks: Clocks | None = None) -> Marks:
    told = clocks or Clocks()
    marks = Marks(CHANNELS, qos=1, wall=lambda: told.wall, seconds=lambda: told.seconds)
    marks.begin()
    marks.granted()
    return marks


def _round_trip(marks: Marks) -> None:
    for topic, payload, _ in marks.outgoing():
        marks.back(topic, payload)


def test_nothing_is_known_before_every_channel_gave_one_back() -> None:
    """The channels are queues of their own."""
    marks = _granted()
    marks.ask(100)
    first, second = marks.outgoing()
    marks.back(first.topic, first.payload)
    assert marks.upto is None
    marks.back(second.topic, second.payload)
    assert marks.upto == 100


def test_the_slowest_channel_counts() -> None:
    """What stands in one queue is not read because another is empty."""
    marks = _granted()
    marks.ask(100)
    _round_trip(marks)
    marks.ask(200)
    first, _ = marks.outgoing()
    marks.back(first.topic, first.payload)
    assert marks.upto == 100


def test_of_several_the_latest_is_sent_and_only_once() -> None:
    """A connection that was slow has no use for old ones."""
    marks = _granted()
    marks.ask(100)
    marks.ask(200)
    assert {out.payload[-3:] for out in marks.outgoing()} == {b"200"}
    assert marks.outgoing() == []


def test_nothing_is_sent_before_the_grant() -> None:
    """A mark that overtakes the subscription never comes back, and what came before the grant is not ours to count."""
    marks = Marks(CHANNELS, qos=1)
    marks.ask(100)
    assert marks.outgoing() == []


def test_marks_of_an_earlier_connection_or_of_a_stranger_say_nothing() -> None:
    """They were sent before what has been queued since."""
    marks = _granted()
    marks.ask(100)
    late = marks.outgoing()
    marks.begin()
    for topic, payload, _ in late:
        marks.back(topic, payload)
        marks.back(topic, b"")
        marks.back(topic, b"12345678900")
    marks.granted()
    for topic, payload, _ in late:
        marks.back(topic, payload)
        marks.back(topic, b"")
    assert marks.upto is None
    assert not marks.ever


def test_a_mark_that_took_long_is_believed_a_while_later_and_so_are_those_behind_it() -> None:
    """A broker that stood still reads its connections in any order: others may have spoken before the mark was sent."""
    clocks = Clocks()
    marks = _granted(clocks)
    marks.ask(100)
    _round_trip(marks)
    clocks.wall = 200 + SLOW + 1
    marks.ask(200)
    _round_trip(marks)
    marks.ask(clocks.wall)
    _round_trip(marks)
    assert marks.upto == 100
    clocks.seconds += BELIEVED_AFTER
    assert marks.upto == clocks.wall


def test_of_marks_that_all_take_long_each_is_believed_in_its_turn() -> None:
    """A lag that lasts does not stop the clock of the rules: it is that much behind."""
    clocks = Clocks()
    marks = _granted(clocks)
    told = []
    for n in range(5):
        marks.ask(n + 1)
        clocks.wall = n + SLOW + 2
        _round_trip(marks)
        clocks.seconds += BELIEVED_AFTER / 2
        told.append(marks.upto)
    assert told == [None, 1, 2, 3, 4]
