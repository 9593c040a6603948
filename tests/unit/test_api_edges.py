"""The API's small parts, without a database."""

import pytest

from api import cursors
from api.lockout import FAILURES, REMEMBERED, WITHIN, Lockout
from api.problems import Problem
from api.rights import GRANTED, Right


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_cursor_returns() -> None:
    """A cursor gives back the place it was made of."""
    assert cursors.decode(cursors.encode([2**62, "门-1"]), int, str) == [2**62, "门-1"]
    assert cursors.decode(None, int) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "é",
        "a",
        "=====",
        cursors.encode(["x"]),
        cursors.encode([1, 2]),
        cursors.encode([True]),
        cursors.encode([2**63]),
        cursors.encode([1])[:-1] + "!",
        "W" * 100_000,
    ],
)
def test_bad_cursor(cursor: str) -> None:
    """What no list gave is a 400, never an error of ours."""
    with pytest.raises(Problem) as refused:
        cursors.decode(cursor, int)
    assert (refused.value.status, refused.value.code) == (400, "bad-cursor")


def test_lockout() -> None:
    """The tenth failure within five minutes locks this client, for what is left of them, and no other."""
    clock = Seconds()
    lockout = Lockout(clock)
    for _ in range(FAILURES):
        assert lockout.wait("a") == 0
        lockout.failed("a")
    assert WITHIN - 1 < lockout.wait("a") <= WITHIN + 1
    assert lockout.wait("b") == 0
    clock.now += WITHIN
    assert lockout.wait("a") == 0


def test_lockout_forgives() -> None:
    """A sign-in that succeeds forgets the failures before it."""
    lockout = Lockout(Seconds())
    for _ in range(FAILURES):
        lockout.failed("a")
    lockout.succeeded("a")
    assert lockout.wait("a") == 0


def test_lockout_is_bounded() -> None:
    """A flood of addresses cannot grow it without end."""
    lockout = Lockout(Seconds())
    for n in range(REMEMBERED + 50):
        lockout.failed(str(n))
    assert len(lockout._failed) == REMEMBERED


def test_every_right_is_granted() -> None:
    """A right that was forgotten in the table would be refused to everybody with an error."""
    assert set(GRANTED) == set(Right)
    assert all("admin" in roles for roles in GRANTED.values())
    assert not any("device" in roles for roles in GRANTED.values())
