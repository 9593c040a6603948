"""The days of somebody who lives alone: up, about, out and back, to bed, and up in the night."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from simulators.acts import Act, Timeline, seconds
from simulators.words import DAY
from simulators.world import World

HOUR, MINUTE = 3600.0, 60.0

Moment = tuple[float, str, str, float | None]  # second, device, type, value


@dataclass(frozen=True, kw_only=True, slots=True)
class Dwelling:
    """The codes of what a home has; None where it has no such device."""

    site: str
    room: str | None = None
    bath: str | None = None
    door: str | None = None
    bed: str | None = None
    meter: str | None = None
    vital: str | None = None

    @classmethod
    def of(cls, world: World) -> dict[str, "Dwelling"]:
        """Every home of the world, by its code."""
        bathrooms = {(p.site, p.code) for p in world.places if p.role == "bathroom"}
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for device in world.devices:
            name = _NAMES.get(device.kind)
            if name == "room" and (device.site, device.place) in bathrooms:
                name = "bath"
            if name:
                found[device.site].setdefault(name, device.code)
        return {site.code: cls(site=site.code, **found[site.code]) for site in world.sites if site.kind == "home"}


_NAMES = {"motion": "room", "door_sensor": "door", "bed_sensor": "bed", "water_meter": "meter", "vital": "vital"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """What one person's days have in common; times in seconds of the day, `about` between two signs of life."""

    rises: float
    to_bed: float
    about: float
    outings: float
    nights: float

    @classmethod
    def drawn(cls, rng: Random) -> "Habits":
        return cls(
            rises=min(max(rng.gauss(6.2, 0.7), 4.5), 8.5) * HOUR,
            to_bed=min(max(rng.gauss(21.3, 0.6), 19.8), 22.8) * HOUR,
            about=rng.uniform(6, 16) * MINUTE,
            outings=rng.uniform(0.4, 2.4),
            nights=rng.uniform(0.3, 2.2),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """From getting up to the next time, in seconds since the first midnight."""

    rises: float
    to_bed: float
    following: float


def living(home: Dwelling, midnight: float) -> Timeline:
    """`midnight`: the local second of the day at which the scenario begins."""

    def timeline(rng: Random) -> Iterator[Act]:
        habits, metered, number = Habits.drawn(rng), rng.uniform(20, 400), -1
        rises = habits.rises - DAY
        while True:
            day = Day(
                rises=rises,
                to_bed=number * DAY + habits.to_bed + rng.gauss(0, 15 * MINUTE),
                following=(number + 1) * DAY + habits.rises + rng.gauss(0, 15 * MINUTE),
            )
            said = _day(rng, home, habits, day)
            if home.meter:
                said += _water(rng, home.meter, day, metered)
                metered = max(value for _, device, _, value in said if device == home.meter and value is not None)
            for moment, device, kind, value in sorted(said, key=lambda m: m[0]):
                if moment >= midnight:
                    yield _act(home.site, moment - midnight, device, kind, value)
            number, rises = number + 1, day.following

    return timeline


def _day(rng: Random, home: Dwelling, habits: Habits, day: Day) -> list[Moment]:
    out = list(_outings(rng, habits, day)) if home.door else []
    found: list[Moment] = [(day.rises, home.bed, "bed.left", None)] if home.bed else []
    found += (moment for moment in _about(rng, home, habits, day) if not _within(moment[0], out))
    for leaves, returns in out:
        found += _through_the_door(rng, str(home.door), leaves) + _through_the_door(rng, str(home.door), returns)
    if home.vital:
        measured = day.rises + rng.uniform(20, 50) * MINUTE
        found.append((measured, home.vital, "vital.measured", round(rng.uniform(58, 86))))
    found += [(day.to_bed, home.bed, "bed.entered", None)] if home.bed else []
    return found + _night(rng, home, habits, day)


def _within(moment: float, stretches: list[tuple[float, float]]) -> bool:
    return any(begin <= moment <= end for begin, end in stretches)


def _outings(rng: Random, habits: Habits, day: Day) -> Iterator[tuple[float, float]]:
    """When somebody leaves and returns; back an hour before bed at the latest."""
    moment = day.rises + rng.uniform(0.7, 3) * HOUR
    while rng.random() < habits.outings / (habits.outings + 1):
        returns = moment + rng.uniform(0.3, 2.5) * HOUR
        if returns > day.to_bed - HOUR:
            return
        yield moment, returns
        moment = returns + rng.uniform(0.8, 4) * HOUR


def _about(rng: Random, home: Dwelling, habits: Habits, day: Day) -> Iterator[Moment]:
    """Movement while awake; one in seven is in the bathroom, and out of it again after some minutes."""
    moment = day.rises
    while (moment := moment + 20 + rng.expovariate(1 / habits.about)) < day.to_bed:
        if home.bath and rng.random() < 1 / 7:
            yield moment, home.bath, "motion.detected", None
            moment += rng.uniform(2, 14) * MINUTE
        if home.room and moment < day.to_bed:
            yield moment, home.room, "motion.detected", None


def _through_the_door(rng: Random, door: str, moment: float) -> list[Moment]:
    return [(moment, door, "door.opened", None), (moment + rng.uniform(3, 10), door, "door.closed", None)]


def _night(rng: Random, home: Dwelling, habits: Habits, day: Day) -> list[Moment]:
    """Up now and then, to the bathroom and back."""
    found: list[Moment] = []
    moment = day.to_bed + rng.uniform(1.5, 4) * HOUR
    while rng.random() < habits.nights / (habits.nights + 1) and moment < day.following - HOUR:
        back = moment + rng.uniform(3, 11) * MINUTE
        if home.bed:
            found += [(moment, home.bed, "bed.left", None), (back, home.bed, "bed.entered", None)]
        if home.bath:
            found.append(((moment + back) / 2, home.bath, "motion.detected", None))
        if home.room:
            found.append((back - rng.uniform(5, 20), home.room, "motion.detected", None))
        moment = back + rng.uniform(1.2, 3) * HOUR
    return found


def _water(rng: Random, meter: str, day: Day, metered: float) -> list[Moment]:
    """An hourly reading of a meter that only ever rises; little is used at night."""
    found: list[Moment] = []
    moment = day.rises + rng.uniform(10, 50) * MINUTE
    while moment < day.following:
        metered += rng.uniform(0, 0.018) if moment - day.rises < 15 * HOUR else rng.choice((0.0, 0.0, 0.006))
        found.append((moment, meter, "water.metered", round(metered, 3)))
        moment += HOUR
    return found


def _act(site: str, moment: float, device: str, kind: str, value: float | None) -> Act:
    if kind == "vital.measured":
        data = {"name": "heart_rate", "value": value, "unit": "1/min"}
        return Act(after=seconds(moment), site=site, device=device, type=kind, data=data)
    unit = "m3" if kind == "water.metered" else None
    return Act(after=seconds(moment), site=site, device=device, type=kind, value=value, unit=unit)
