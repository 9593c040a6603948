"""What goes wrong on the way, and in devices: each fault changes the acts of its devices within its window.

A fault may only make things later, lose, double or change them; it never touches other devices.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from simulators.acts import Act, Doing, Stage, Timeline, seconds
from simulators.counting import Key

Change = Callable[[Act, Random], list[Act]]

AT_ONCE = timedelta(milliseconds=1)  # between the messages of a burst or of a queue that is sent at last


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Which devices, and from when to when; the end is not part of it."""

    devices: frozenset[Key]
    begin: timedelta
    end: timedelta

    def holds(self, act: Act) -> bool:
        return act.does == "say" and (act.site, act.device) in self.devices and self.begin <= act.after < self.end


def on_the_way(window: Window, change: Change) -> Stage:
    """Pass the window's events through `change`, which gives them back changed, later, twice or not at all."""

    def stage(acts: Iterator[Act], rng: Random) -> Iterator[Act]:
        held: list[tuple[timedelta, int, Act]] = []
        count = 0
        for act in acts:
            while held and held[0][0] <= act.after:
                yield heapq.heappop(held)[2]
            for changed in change(act, rng) if window.holds(act) else [act]:
                count += 1
                heapq.heappush(held, (changed.after, count, changed))
        while held:
            yield heapq.heappop(held)[2]

    return stage


def drop(window: Window, *, chance: float) -> Stage:
    """Events are lost, with a gap in the count."""
    return on_the_way(window, lambda act, rng: [] if rng.random() < chance else [act])


def duplicate(window: Window, *, chance: float, by: timedelta) -> Stage:
    """Events come a second time, the very same, within `by`."""

    def change(act: Act, rng: Random) -> list[Act]:
        if rng.random() >= chance:
            return [act]
        again = act.after + _part(rng, by)
        return [act, replace(act, after=again, told=_told(act))]

    return on_the_way(window, change)


def reorder(window: Window, *, by: timedelta) -> Stage:
    """Events are gathered for `by` and come in the wrong order: the last one first."""

    def change(act: Act, _rng: Random) -> list[Act]:
        gone = (act.after - window.begin) % by
        early = int(gone / AT_ONCE) * timedelta(microseconds=1)  # the later it was said, the sooner it is sent
        return [replace(act, after=act.after - gone + by + by / 10 - early, told=_told(act))]

    return on_the_way(window, change)


def delay(window: Window, *, by: tuple[timedelta, timedelta]) -> Stage:
    """Events come later than they were said."""

    def change(act: Act, rng: Random) -> list[Act]:
        return [replace(act, after=act.after + by[0] + _part(rng, by[1] - by[0]), told=_told(act))]

    return on_the_way(window, change)


def clock_skew(window: Window, *, by: timedelta) -> Stage:
    """The device's clock is wrong by so much; ahead where it is above zero."""
    return on_the_way(window, lambda act, _rng: [replace(act, told=_told(act) + by)])


def kept(window: Window) -> Stage:
    """What is said meanwhile waits, and all of it comes after the window's end, in its order."""
    waiting: list[None] = []

    def change(act: Act, _rng: Random) -> list[Act]:
        waiting.append(None)
        return [replace(act, after=window.end + len(waiting) * AT_ONCE, told=_told(act))]

    def stage(acts: Iterator[Act], rng: Random) -> Iterator[Act]:
        waiting.clear()
        return on_the_way(window, change)(acts, rng)

    return stage


def stuck(window: Window) -> Stage:
    """The sensor goes on reporting what it reported last before the window, whatever happens to it."""

    def stage(acts: Iterator[Act], _rng: Random) -> Iterator[Act]:
        last: dict[Key, str] = {}
        for act in acts:
            key = (act.site, act.device)
            if act.does != "say" or key not in window.devices:
                yield act
            elif not window.holds(act):
                last[key] = act.type
                yield act
            elif key in last:
                yield replace(act, type=last[key])

    return stage


def weak_battery(window: Window, *, chance: float, battery: int) -> Stage:
    """The device tells how low its battery is, and not all that it says arrives."""

    def change(act: Act, rng: Random) -> list[Act]:
        if act.type.startswith("battery."):
            return [replace(act, battery=battery)]
        return [] if rng.random() < chance else [replace(act, battery=battery)]

    return on_the_way(window, change)


def silence(window: Window, *, does: Doing) -> Timeline:
    """The window's devices fall silent, and at its end they do what brings them back."""
    return _acts(
        Act(after=moment, site=site, device=device, does=word)
        for site, device in sorted(window.devices)
        for moment, word in _ends(window, does)
    )


def _ends(window: Window, does: Doing) -> tuple[tuple[timedelta, Doing], ...]:
    return (window.begin, "fall_silent"), (window.end, does)


def saying(window: Window, types: tuple[str, ...], *, times: int, apart: timedelta) -> Timeline:
    """Each device says `types` in turn, `times` times in all: a chatter, a burst."""
    return _acts(
        Act(after=window.begin + k * apart, site=site, device=device, type=types[k % len(types)])
        for site, device in sorted(window.devices)
        for k in range(times)
    )


def battery_words(window: Window) -> Timeline:
    """`battery.low` when it begins, `battery.ok` when a new one is in."""
    return _acts(
        Act(after=moment, site=site, device=device, type=word)
        for site, device in sorted(window.devices)
        for moment, word in ((window.begin, "battery.low"), (window.end, "battery.ok"))
    )


def _acts(acts: Iterable[Act]) -> Timeline:
    ordered = sorted(acts, key=lambda act: act.after)
    return lambda _rng: iter(ordered)


def _told(act: Act) -> timedelta:
    return act.after if act.told is None else act.told


def _part(rng: Random, of: timedelta) -> timedelta:
    return seconds(rng.random() * of.total_seconds())
