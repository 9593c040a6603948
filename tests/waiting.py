"""Waiting for what must come, in tests that are not asynchronous. Nothing else in the tests pauses."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

OFTEN = 0.05  # seconds between two looks


def looks(seconds: float) -> Iterator[None]:
    """A moment to look, again and again until the time is over; always one more after that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(OFTEN)
    yield


def until(what: str, probe: Callable[[], T], seconds: float = 20) -> T:
    """What `probe` gives once it is true; AssertionError naming what was waited for."""
    for _ in looks(seconds):
        if got := probe():
            return got
    raise AssertionError(f"{what}: not within {seconds} s")


def settled(probe: Callable[[], int], enough: int, *, quiet: float = 3.0, seconds: float = 60) -> int:
    """The number once there are `enough` and it stayed for `quiet` seconds: a broker redelivers after two."""
    since, got = time.monotonic(), probe()
    for _ in looks(seconds):
        if (new := probe()) != got:
            got, since = new, time.monotonic()
        if got >= enough and time.monotonic() - since >= quiet:
            break
    return got
