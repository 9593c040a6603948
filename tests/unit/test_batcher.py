"""When a batch closes."""

import asyncio
import time

from ingest.batcher import HELD_BACK, Batcher
from ingest.delivery import Delivery
from ingest.inbox import OVERHEAD_BYTES, Inbox, may_be_emergency

DOOR = b'{"type":"door.opened"}'
PRESS = b'{"type":"sos.pressed"}'
NEVER = 60.0


def _delivery(payload: bytes = DOOR) -> Delivery:
    return Delivery(_now(), "shouwang/v1/h1/d1/event", payload)


def _now() -> int:
    return time.time_ns() // 1000


def _no() -> bool:
    return False


def _arrive(inbox: Inbox, *payloads: bytes) -> None:
    for payload in payloads:
        inbox.put(_delivery(payload))
    inbox.burst_ended()


async def test_nothing_came() -> None:
    """Patience over, an empty batch that says until when all is read."""
    batch = await Batcher(Inbox(), upto=_now, resuming=_no).next(0.01)
    assert batch.deliveries == []
    assert batch.upto is not None


async def test_closes_after_linger() -> None:
    """A lone message waits for company no longer than the linger."""
    inbox = Inbox()
    _arrive(inbox, DOOR)
    started = time.monotonic()
    batch = await Batcher(inbox, upto=_now, resuming=_no, linger=0.05).next(NEVER)
    assert len(batch.deliveries) == 1
    assert 0.03 < time.monotonic() - started < 5


async def test_closes_when_full() -> None:
    """The batch's size ends the waiting; the rest stays and the batch does not claim to hold all."""
    inbox = Inbox()
    _arrive(inbox, *[DOOR] * 5)
    batch = await Batcher(inbox, upto=_now, resuming=_no, linger=NEVER, most=3).next(NEVER)
    assert len(batch.deliveries) == 3
    assert batch.upto is None
    assert len(inbox) == 2


async def test_emergency_closes_at_once() -> None:
    """A press that comes while the batch lingers ends the lingering."""
    inbox = Inbox()
    batcher = Batcher(inbox, upto=_now, resuming=_no, linger=NEVER)
    _arrive(inbox, DOOR)
    waiting = asyncio.create_task(batcher.next(NEVER))
    await asyncio.sleep(0)
    _arrive(inbox, PRESS)
    batch = await asyncio.wait_for(waiting, 5)
    assert [d.payload for d in batch.deliveries] == [DOOR, PRESS]


async def test_emergency_left_over_stays_urgent() -> None:
    """What was urgent and did not fit is urgent in the next batch; after that nothing is."""
    inbox = Inbox()
    _arrive(inbox, DOOR, DOOR, PRESS)
    batcher = Batcher(inbox, upto=_now, resuming=_no, linger=NEVER, most=2)
    await batcher.next(NEVER)
    assert inbox.urgent
    assert (await asyncio.wait_for(batcher.next(NEVER), 5)).deliveries[0].payload == PRESS
    assert not inbox.urgent


async def test_wakes_from_another_thread() -> None:
    """The network thread's burst wakes the waiting loop."""
    inbox = Inbox()
    waiting = asyncio.create_task(Batcher(inbox, upto=_now, resuming=_no, linger=0.001).next(NEVER))
    await asyncio.sleep(0)
    await asyncio.to_thread(_arrive, inbox, DOOR)
    assert len((await asyncio.wait_for(waiting, 5)).deliveries) == 1


async def test_held_until_released() -> None:
    """Taken messages still count: they are in memory until committed."""
    inbox = Inbox()
    _arrive(inbox, DOOR, DOOR)
    taken = inbox.take(2, 1_000_000)
    assert inbox.held_bytes == 2 * (len(DOOR) + OVERHEAD_BYTES)
    inbox.release(taken)
    assert inbox.held_bytes == 0


async def test_batch_is_bounded_by_bytes_too() -> None:
    """Large messages make small batches, and each message gets its turn."""
    inbox = Inbox()
    _arrive(inbox, b"x" * 600, b"x" * 600, b"x" * 5000, DOOR)
    assert [len(inbox.take(9, 1000)) for _ in range(4)] == [2, 1, 1, 0]


def test_emergency_is_seen_early_rather_than_late() -> None:
    """Escaped letters may spell an emergency, so they count as one."""
    assert may_be_emergency(PRESS)
    assert may_be_emergency(b'{"type":"\\u0073os.pressed"}')
    assert may_be_emergency(b'[{"type":"door.opened"},{"type":"fall.detected"}]')
    assert not may_be_emergency(DOOR)


async def test_batches_of_gateways_are_counted_by_their_events() -> None:
    """A stretch is bounded by events; one message alone may bring more."""
    inbox = Inbox()
    batch = b"[" + b",".join([DOOR] * 600) + b"]"
    for _ in range(7):
        inbox.put(_delivery(batch)._replace(topic="shouwang/v1/h1/gw/batch"))
    inbox.put(_delivery(b"[" + b",".join([DOOR] * 9_000) + b"]")._replace(topic="shouwang/v1/h1/gw/batch"))
    batcher = Batcher(inbox, upto=_now, resuming=_no, linger=0)
    assert [len((await batcher.next(NEVER)).deliveries) for _ in range(4)] == [3, 3, 1, 1]


async def test_after_a_resumed_connection_all_but_emergencies_waits_to_be_put_in_order() -> None:
    """What an earlier connection left may come behind what is newer: until it has come, only presses go on."""
    inbox, resuming = Inbox(), [True]
    batcher = Batcher(inbox, upto=_now, resuming=lambda: resuming[0], linger=0)
    _arrive(inbox, DOOR, DOOR, PRESS, DOOR)
    urgent = await batcher.next(NEVER)
    assert [delivery.payload for delivery in urgent.deliveries] == [PRESS]
    assert (urgent.upto, urgent.mixed, inbox.urgent) == (None, True, False)
    _arrive(inbox, *[DOOR] * 3)
    assert (await batcher.next(0.01)).deliveries == []
    resuming[0] = False
    held = await batcher.next(NEVER)
    assert (len(held.deliveries), held.mixed) == (6, True)
    _arrive(inbox, DOOR)
    assert not (await batcher.next(NEVER)).mixed


async def test_what_is_held_back_is_bounded() -> None:
    """More than a broker sends without an acknowledgement is no mixture of two connections."""
    inbox = Inbox()
    batcher = Batcher(inbox, upto=_now, resuming=lambda: True, linger=0)
    _arrive(inbox, *[DOOR] * HELD_BACK)
    assert len((await batcher.next(NEVER)).deliveries) == HELD_BACK


async def test_a_press_after_one_that_was_taken_out_of_turn_is_urgent() -> None:
    """Whether an emergency waits is known whatever was taken before."""
    inbox = Inbox()
    _arrive(inbox, DOOR, DOOR, PRESS, DOOR)
    told = [len(inbox.take_urgent()), inbox.urgent]
    _arrive(inbox, PRESS)
    told.append(inbox.urgent)
    assert [delivery.payload for delivery in inbox.take(100, 1 << 20)] == [DOOR, DOOR, DOOR, PRESS]
    assert [*told, inbox.urgent] == [1, False, True, False]


async def test_a_connection_that_comes_while_the_batch_waits_is_seen() -> None:
    """The first messages of a resumed connection are the ones that are mixed most."""
    inbox, resuming = Inbox(), [False]
    batcher = Batcher(inbox, upto=_now, resuming=lambda: resuming[0], linger=0)
    waiting = asyncio.create_task(batcher.next(0.2))
    await asyncio.sleep(0)
    resuming[0] = True
    _arrive(inbox, DOOR)
    batch = await waiting
    assert (batch.deliveries, batch.mixed) == ([], True)
