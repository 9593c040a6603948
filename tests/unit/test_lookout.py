"""What the lookout takes for an emergency, and which it holds open."""

import json
from typing import Any

import pytest

from devices.columns import NO_TIME
from ingest.lookout.outstanding import (
    ECHO,
    EXPIRES,
    GONE_FOR,
    MOST_OF_SENDER,
    SECOND,
    Kept,
    Outcome,
    Outstanding,
)
from ingest.lookout.presses import CALLS, Message, Press, presses_in

NOW = 1_800_000_000_000_000
PATIENCE = 2 * SECOND


def heard(payload: Any, topic: str = "h1/sos-1/event", at: int = NOW, *, retained: bool = False) -> list[Press]:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = Message.heard(f"shouwang/v1/{topic}", data, received_at=at, since=at - SECOND, retained=retained)
    return presses_in(message)


def told(presses: list[Press]) -> list[tuple[str, str, str]]:
    return [(press.site, press.device, press.type) for press in presses]


def press(at: int = NOW, **fields: Any) -> Press:
    (one,) = heard({"type": "sos.pressed", **fields}, at=at)
    return one


@pytest.mark.parametrize("call", CALLS)
def test_calls(call: str) -> None:
    """Each kind of emergency is heard, with the codes of its topic."""
    assert told(heard({"type": call})) == [("h1", "sos-1", call)]


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "door.opened"},
        {"type": "sos.cancelled"},
        {"type": "smoke.cleared"},
        {"type": "x.y", "data": {"said": "sos.pressed"}},
        b"",
        b"\xff\xfe",
        b"{" * 100_000,
    ],
)
def test_what_is_none(payload: Any) -> None:
    """What is no emergency is not heard, also where it quotes the name of one, and no rubbish breaks anything."""
    assert heard(payload) == []


@pytest.mark.parametrize("topic", ["h1/sos-1", "h 1/sos-1/event", "~/ingest/event", "a/b/c/event", "h1/sos-1/other"])
def test_topics_that_are_none(topic: str) -> None:
    """Where no device can be named nothing is told."""
    assert heard({"type": "sos.pressed"}, topic) == []


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"sos.pressed"',
        b'\xff{"type":"sos.pressed"}',
        b'{"type":"sos.pressed","at":"yesterday"}',
        b'{"type":"sos.pressed","value":' + b"9" * 400 + b"}",
        b'{"type":"sos.pressed","data":"' + b"x" * 100_000 + b'"}',
        b'{"data":"' + b"x" * 4_000_000 + b'","type":"sos.pressed"}',
    ],
)
def test_unreadable_counts_by_its_bytes(payload: bytes) -> None:
    """A message that cannot be decoded and names an emergency is one, however long and broken it is."""
    (one,) = heard(payload)
    assert (one.device, one.type, one.at, one.readable) == ("sos-1", "sos.pressed", NO_TIME, False)


def test_escaped_letters() -> None:
    """JSON may spell a letter as an escape: it is the same name."""
    assert told(heard(b'{"type":"\\u0073os.pressed"}')) == [("h1", "sos-1", "sos.pressed")]


def test_batch() -> None:
    """Of a gateway's batch each emergency counts for its own device, and a broken item loses no other."""
    items = b'[{"type":"door.opened","device":"d"},{"type":"sos.pressed","device":"b"},{"type":"gas.detected",},1]'
    assert told(heard(items, "h1/gw-1/batch")) == [("h1", "b", "sos.pressed"), ("h1", "gw-1", "gas.detected")]


def test_identity_makes_one_of_many_deliveries() -> None:
    """The same press heard again, however late, is the same; another id is another press."""
    open_ = Outstanding(patience=PATIENCE)
    assert open_.add(press(id="a"))
    assert not open_.add(press(NOW + 100 * SECOND, id="a"))
    assert open_.add(press(id="b"))
    assert open_.add(press(boot="x", seq=1))
    assert not open_.add(press(NOW + SECOND, boot="x", seq=1))
    assert len(open_) == 3


def test_without_identity_an_echo_is_one_press() -> None:
    """The same bytes at once are one press that came twice; later they are another press, also of who goes on."""
    open_ = Outstanding(patience=PATIENCE)
    came = [open_.add(press(NOW + n * SECOND)) for n in range(7)]
    assert came == [True, False, False, True, False, False, True]
    assert ECHO == 2 * SECOND


def test_tells_after_its_patience_and_not_what_was_found() -> None:
    """What is found in time is never told; the rest is, once."""
    open_ = Outstanding(patience=PATIENCE)
    found, missing = press(id="a"), press(id="b")
    open_.add(found)
    open_.add(missing)
    assert open_.due(NOW + PATIENCE - 1) == []
    assert not open_.settle(found.key, Outcome.RECORDED, log_id=3, now=NOW)
    assert open_.due(NOW + PATIENCE) == [missing]
    assert open_.due(NOW + 2 * PATIENCE) == []
    assert open_.told == [missing]
    assert open_.settle(missing.key, Outcome.RECORDED, log_id=7, now=NOW)
    assert [(gone.key, gone.log_id) for gone in open_.gone] == [(missing.key, 7)]
    assert len(open_) == 0


def test_a_settled_press_is_not_told_again() -> None:
    """A duplicate of what was recorded a moment ago, heard while nothing can be looked up, is no news."""
    open_ = Outstanding(patience=PATIENCE)
    open_.add(press(id="a"))
    open_.settle(press(id="a").key, Outcome.RECORDED, log_id=1, now=NOW)
    assert not open_.add(press(NOW + SECOND, id="a"))


def test_bounded_for_one_sender() -> None:
    """Thousands of presses of one device are held as fifty; another device is heard all the same."""
    open_ = Outstanding(patience=PATIENCE)
    kept = sum(open_.add(press(id=str(n))) for n in range(5_000))
    assert kept == MOST_OF_SENDER
    assert open_.add(heard({"type": "sos.pressed"}, "h2/sos-1/event")[0])


def test_expires() -> None:
    """What nobody finds for a day is given up, and what was settled is forgotten after a while."""
    open_ = Outstanding(patience=PATIENCE)
    open_.add(press(id="a"))
    open_.due(NOW + PATIENCE)
    open_.forget_old(NOW + EXPIRES)
    assert len(open_.told) == 1
    open_.forget_old(NOW + EXPIRES + 1)
    assert [gone.outcome for gone in open_.gone] == [Outcome.EXPIRED]
    open_.forget_old(NOW + EXPIRES + GONE_FOR + 2)
    assert open_.gone == []


def test_survives_its_process() -> None:
    """The process after it goes on where this one ended: what waits, what was told, whose rows are taken."""
    first = Outstanding(patience=PATIENCE)
    first.add(press(id="a"))
    first.due(NOW + PATIENCE)
    first.add(press(NOW + PATIENCE, id="b"))
    first.rows[17] = None
    second = Outstanding(patience=PATIENCE)
    second.restore(first.keep())
    assert (second.told, second.waiting, list(second.rows)) == (first.told, first.waiting, [17])
    assert not second.add(press(NOW + SECOND, id="a"))
    assert second.keep() == first.keep()
    assert Outstanding(patience=PATIENCE).keep() == Kept()


def test_a_retained_press_is_known_by_its_bytes() -> None:
    """What a broker replays on subscribing is one and the same each time."""
    open_ = Outstanding(patience=PATIENCE)
    (first,) = heard({"type": "sos.pressed"}, retained=True)
    (again,) = heard({"type": "sos.pressed"}, at=NOW + 100 * SECOND, retained=True)
    assert open_.add(first)
    assert not open_.add(again)
