"""Each fault does what it says, to its own devices and within its window."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from devices.models import Device, Site
from simulators import faults
from simulators.acts import Act, Stage, seconds
from simulators.counting import counted, heard
from simulators.faults import Window
from simulators.scenario import Scenario
from simulators.world import World

WORLD = World(
    sites=(Site(code="h", kind="home"),),
    devices=(
        Device(site="h", code="gw", kind="gateway"),
        Device(site="h", code="mag", kind="door_sensor", gateway="gw"),
        Device(site="h", code="pir", kind="motion"),
    ),
)
WINDOW = Window(devices=frozenset({("h", "mag")}), begin=seconds(10), end=seconds(20))
HUB = Window(devices=frozenset({("h", "gw")}), begin=seconds(10), end=seconds(20))


def door(second: float, word: str = "opened", *, seq: int = 0) -> Act:
    return Act(after=seconds(second), site="h", device="mag", type=f"door.{word}", seq=seq)


def motion(second: float) -> Act:
    return Act(after=seconds(second), site="h", device="pir", type="motion.detected")


def through(stage: Stage, *acts: Act) -> list[Act]:
    """What comes out of a stage, in order."""
    found = list(stage(iter(acts), Random(1)))  # noqa: S311 -- reproducible on purpose
    assert [act.after for act in found] == sorted(act.after for act in found)
    return found


def played(*timelines: list[Act], stages: tuple[Stage, ...] = ()) -> list[Act]:
    """All that a scenario of these timelines does."""

    def timeline(acts: list[Act]) -> Iterator[Act]:
        return iter(acts)

    lines = tuple(lambda _rng, acts=acts: timeline(acts) for acts in timelines)
    return list(Scenario(name="s", world=WORLD, timelines=lines, stages=(*stages, heard(WORLD))).acts(1))


def test_only_the_window_and_its_devices() -> None:
    """What is before, after or of others passes untouched."""
    acts = [door(9.9), door(15), motion(15), door(20)]
    assert through(faults.drop(WINDOW, chance=1), *acts) == [acts[0], acts[2], acts[3]]


def test_a_lost_event_leaves_a_gap_in_the_count() -> None:
    """The device counted it; the way lost it."""
    found = played([door(1), door(12, "closed"), door(21)], stages=(faults.drop(WINDOW, chance=1),))
    assert [act.seq for act in found] == [1, 3]


def test_a_duplicate_is_the_very_same() -> None:
    """Same time of its device, same count; later, within `by`."""
    first, again = through(faults.duplicate(WINDOW, chance=1, by=seconds(2)), door(12, seq=7))
    assert (again.seq, again.told) == (7, seconds(12))
    assert first.after < again.after <= seconds(14)


def test_reordered_events_come_last_first() -> None:
    """Each keeps its own time."""
    found = through(faults.reorder(WINDOW, by=seconds(3)), door(11), door(12, "closed"), motion(13), door(21))
    assert [(a.device, a.told) for a in found] == [
        ("pir", None),
        ("mag", seconds(12)),
        ("mag", seconds(11)),
        ("mag", None),
    ]


def test_a_delay_lies_between_its_two() -> None:
    """Told then, sent later."""
    (late,) = through(faults.delay(WINDOW, by=(seconds(2), seconds(4))), door(11))
    assert late.told == seconds(11)
    assert seconds(13) <= late.after <= seconds(15)


def test_a_wrong_clock_tells_another_time() -> None:
    """Sent at once, told by the wrong clock."""
    (ahead,) = through(faults.clock_skew(WINDOW, by=timedelta(hours=2)), door(11))
    assert (ahead.after, ahead.told) == (seconds(11), seconds(11) + timedelta(hours=2))


def test_who_is_offline_says_nothing() -> None:
    """A gateway takes its children with it; others go on."""
    silence = list(faults.silence(HUB, does="come_back")(Random(1)))  # noqa: S311 -- reproducible on purpose
    found = played([door(9), door(12), motion(13), door(21)], silence)
    assert [(a.device, a.does) for a in found] == [
        ("mag", "say"),
        ("gw", "fall_silent"),
        ("pir", "say"),
        ("gw", "come_back"),
        ("mag", "say"),
    ]


def test_what_is_kept_comes_at_the_end() -> None:
    """All of it, in its order, with its own times."""
    silence = list(faults.silence(HUB, does="come_back")(Random(1)))  # noqa: S311 -- reproducible on purpose
    found = played([door(12), door(13, "closed")], silence, stages=(faults.kept(WINDOW),))
    said = [a for a in found if a.does == "say"]
    assert [(a.type, a.told) for a in said] == [("door.opened", seconds(12)), ("door.closed", seconds(13))]
    assert all(a.after > seconds(20) for a in said)


def test_a_restart_is_another_life() -> None:
    """`boot` differs, and the count starts again; also of a gateway's children."""
    silence = list(faults.silence(HUB, does="restart")(Random(1)))  # noqa: S311 -- reproducible on purpose
    found = played([door(1), door(2, "closed"), motion(3), door(21), motion(22)], silence)
    said = [(a.device, a.life, a.seq) for a in found if a.does == "say"]
    assert said == [("mag", 0, 1), ("mag", 0, 2), ("pir", 0, 1), ("mag", 1, 1), ("pir", 0, 2)]


def test_a_hub_sends_every_state_again() -> None:
    """What its children told last, as news, when it is back."""
    silence = list(faults.silence(HUB, does="tell_again")(Random(1)))  # noqa: S311 -- reproducible on purpose
    found = played([door(1), door(2, "closed"), motion(3)], silence)
    assert [(a.device, a.type, a.after, a.life) for a in found if a.after > seconds(3) and a.does == "say"] == [
        ("mag", "door.closed", seconds(20), 1)
    ]


def test_a_stuck_sensor_repeats_itself() -> None:
    """Whatever happens to it, it reports what it reported before; afterwards it is well."""
    found = through(faults.stuck(WINDOW), door(9, "closed"), door(11), door(12, "closed"), door(21))
    assert [a.type for a in found] == ["door.closed", "door.closed", "door.closed", "door.opened"]


def test_a_weak_battery_tells_of_itself() -> None:
    """Low when it begins, well at the end; not all arrives, and what does says how low it is."""
    words = list(faults.battery_words(WINDOW)(Random(1)))  # noqa: S311 -- reproducible on purpose
    assert [(a.type, a.after) for a in words] == [("battery.low", seconds(10)), ("battery.ok", seconds(20))]
    found = through(faults.weak_battery(WINDOW, chance=0.5, battery=8), *(door(10 + k / 10) for k in range(90)))
    assert 20 < len(found) < 70
    assert {a.battery for a in found} == {8}


def test_chatter_and_burst_say_so_many() -> None:
    """The words in turn, apart by the same."""
    words = ("door.opened", "door.closed")
    acts = list(faults.saying(WINDOW, words, times=4, apart=seconds(0.5))(Random(1)))  # noqa: S311 -- as above
    assert [(a.type, a.after) for a in acts] == [
        ("door.opened", seconds(10)),
        ("door.closed", seconds(10.5)),
        ("door.opened", seconds(11)),
        ("door.closed", seconds(11.5)),
    ]


def test_counting_is_of_each_device() -> None:
    """Devices count their own events."""
    found = through(counted(WORLD), door(1), motion(2), door(3))
    assert [(a.device, a.seq) for a in found] == [("mag", 1), ("pir", 1), ("mag", 2)]
