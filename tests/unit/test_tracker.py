"""Packet ids, deliveries and acknowledgements."""

from ingest.tracker import Tracker

MESSAGE, OTHER = 11, 22


def test_redelivery_in_flight_is_dropped() -> None:
    """The same packet id with the same content and DUP is the delivery that is already held."""
    tracker = Tracker()
    tracker.begin()
    assert tracker.arrived(5, MESSAGE, dup=False, now=0) is not None
    assert tracker.arrived(5, MESSAGE, dup=True, now=2) is None


def test_acknowledgement_of_an_older_generation_is_discarded() -> None:
    """A restarted broker renumbers: the old connection's id may be another message's now."""
    tracker = Tracker()
    old = tracker.begin()
    serial = tracker.arrived(1, MESSAGE, dup=False, now=0)
    assert serial is not None
    new = tracker.begin()
    other = tracker.arrived(1, OTHER, dup=False, now=1)
    assert other is not None
    assert not tracker.settle(old, 1, serial, now=2)
    assert tracker.settle(new, 1, other, now=2)


def test_packet_id_used_anew_is_another_delivery() -> None:
    """Within one connection too: an acknowledgement names the delivery, not just its packet id."""
    tracker = Tracker()
    generation = tracker.begin()
    first = tracker.arrived(7, MESSAGE, dup=False, now=0)
    second = tracker.arrived(7, OTHER, dup=False, now=1)
    assert first is not None
    assert second is not None
    assert not tracker.settle(generation, 7, first, now=2)
    assert tracker.settle(generation, 7, second, now=2)


def test_same_content_without_dup_is_a_message_of_its_own() -> None:
    """Two presses with equal payloads are two: only DUP makes a redelivery."""
    tracker = Tracker()
    tracker.begin()
    assert tracker.arrived(7, MESSAGE, dup=False, now=0) is not None
    assert tracker.arrived(7, MESSAGE, dup=False, now=0) is not None


def test_redelivery_that_crossed_the_puback_is_dropped_and_not_acknowledged_again() -> None:
    """A second PUBACK could hit the message that the broker has given this packet id meanwhile."""
    tracker = Tracker(crossing=1.0)
    generation = tracker.begin()
    serial = tracker.arrived(9, MESSAGE, dup=False, now=0)
    assert serial is not None
    assert tracker.settle(generation, 9, serial, now=2.0)
    assert tracker.arrived(9, MESSAGE, dup=True, now=2.5) is None
    assert not tracker.settle(generation, 9, serial, now=2.6)


def test_redelivery_after_a_lost_puback_is_taken_again() -> None:
    """What the broker still has after the crossing time it never saw acknowledged."""
    tracker = Tracker(crossing=1.0)
    generation = tracker.begin()
    serial = tracker.arrived(9, MESSAGE, dup=False, now=0)
    assert serial is not None
    assert tracker.settle(generation, 9, serial, now=2.0)
    assert tracker.arrived(9, MESSAGE, dup=True, now=4.0) is not None
