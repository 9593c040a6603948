"""The day-to-day of the demo, quick enough to watch: doors that are closed again, motion, beds, passes."""

from collections.abc import Iterator
from random import Random

from simulators.acts import Act, Timeline, every, seconds

START = 15.0  # seconds before the day-to-day begins: the story has the first word


def moving(site: str, device: str = "pir-1") -> Timeline:
    """Somebody is about in the room, and at times rests."""

    def timeline(rng: Random) -> Iterator[Act]:
        for moment in every(rng, 8, 35, start=START):
            yield Act(after=seconds(moment), site=site, device=device, type="motion.detected")

    return timeline


def resting(site: str, device: str = "mat-1") -> Timeline:
    """In bed for a while, out of it for longer."""

    def timeline(rng: Random) -> Iterator[Act]:
        for moment in every(rng, 90, 200, start=START):
            left = moment + rng.uniform(20, 60)
            yield Act(after=seconds(moment), site=site, device=device, type="bed.entered")
            yield Act(after=seconds(left), site=site, device=device, type="bed.left")

    return timeline


def coming_and_going(site: str, door: str, *, apart: tuple[float, float], guard: str | None = None) -> Timeline:
    """The door opens and is closed again within seconds; with a guard, a pass comes before."""

    def timeline(rng: Random) -> Iterator[Act]:
        for moment in every(rng, *apart, start=START):
            if guard:
                yield Act(after=seconds(moment - 1), site=site, device=guard, type="guard.passed")
            yield Act(after=seconds(moment), site=site, device=door, type="door.opened")
            yield Act(after=seconds(moment + rng.uniform(2, 8)), site=site, device=door, type="door.closed")

    return timeline


def left_open(site: str, door: str, *, start: float, apart: tuple[float, float], lasts: float) -> Timeline:
    """Now and then the door stays open for longer than it should."""

    def timeline(rng: Random) -> Iterator[Act]:
        for moment in every(rng, *apart, start=start):
            yield Act(after=seconds(moment), site=site, device=door, type="door.opened")
            yield Act(after=seconds(moment + lasts), site=site, device=door, type="door.closed")

    return timeline


def falling_silent(site: str, device: str, *, start: float, apart: tuple[float, float], lasts: float) -> Timeline:
    """Now and then the device is not heard for a while."""

    def timeline(rng: Random) -> Iterator[Act]:
        for moment in every(rng, *apart, start=start):
            yield Act(after=seconds(moment), site=site, device=device, does="fall_silent")
            yield Act(after=seconds(moment + lasts), site=site, device=device, does="come_back")

    return timeline


def calling(site: str, device: str, *, start: float, apart: tuple[float, float]) -> Timeline:
    """Now and then a press, at times a second one soon after."""

    def timeline(rng: Random) -> Iterator[Act]:
        for moment in every(rng, *apart, start=start):
            presses = (0.0, rng.uniform(3, 6)) if rng.random() < 0.4 else (0.0,)  # noqa: PLR2004 -- two of five
            for later in presses:
                yield Act(after=seconds(moment + later), site=site, device=device, type="sos.pressed")

    return timeline
