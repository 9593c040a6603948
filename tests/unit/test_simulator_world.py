"""Worlds and scenarios: what is registered, and what happens when."""

import itertools
import tomllib
from collections.abc import Iterator
from random import Random

import pytest

from devices.models import Device
from devices.registry_file import read_registry
from simulators.acts import Act, every, seconds, told
from simulators.demo import DAY_TO_DAY, demo
from simulators.fleet import with_session
from simulators.scenario import Scenario
from simulators.world import World

MINUTE = seconds(60)


def first_hour(seed: int) -> list[Act]:
    """What the demo does in its first hour."""
    return list(itertools.takewhile(lambda act: act.after < 60 * MINUTE, demo().acts(seed)))


def test_the_registry_of_the_demo_is_one() -> None:
    """The server's own reader finds nothing wrong with the generated file and nothing missing in it."""
    draft = read_registry(demo().world.registry(), file="demo")
    assert not draft.problems
    tables = tomllib.loads(demo().world.registry())
    assert {name: len(rows) for name, rows in tables.items()} == {
        "site": 2,
        "place": 8,
        "resident": 3,
        "device": 14,
        "contact": 2,
    }


def test_any_text_survives_the_registry_file() -> None:
    """Quotes, backslashes, line ends and other scripts come back as they went in."""
    nasty = 'a"b\\c\nd\te\x7f门\x01'
    world = World(devices=(Device(site="h", code="d", kind="camera", make=nasty),))
    assert tomllib.loads(world.registry())["device"][0]["make"] == nasty


def test_same_seed_same_acts() -> None:
    """A seed gives the same acts each time, another seed gives others."""
    assert first_hour(7) == first_hour(7)
    assert first_hour(7) != first_hour(8)


def test_one_more_timeline_leaves_the_others_alone() -> None:
    """Each timeline draws from its own randomness."""

    def walk(rng: Random) -> Iterator[Act]:
        return (Act(after=seconds(m), site="h", device="d") for m in itertools.islice(every(rng, 1, 2), 5))

    alone = Scenario(name="s", world=World(), timelines=(walk,))
    extra = told(Act(after=seconds(3), site="h", device="other"))
    both = Scenario(name="s", world=World(), timelines=(walk, extra))
    assert [a for a in both.acts(1) if a.device == "d"] == list(alone.acts(1))


def test_acts_come_in_order() -> None:
    """No act is earlier than the one before it: a live run would say it late, a recording in the wrong place."""
    for timeline in DAY_TO_DAY:
        acts = list(itertools.islice(timeline(Random(3)), 300))  # noqa: S311 -- reproducible on purpose
        assert [a.after for a in acts] == sorted(a.after for a in acts)
    assert [a.after for a in first_hour(1)] == sorted(a.after for a in first_hour(1))


def test_the_first_seconds_of_the_demo() -> None:
    """Two presses, an open door and a silent camera lie within the first ten seconds, whatever the seed."""
    begun = [(a.type or a.does) for a in first_hour(99) if a.after < seconds(10)]
    assert begun == ["sos.pressed", "door.opened", "fall_silent", "sos.pressed"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_state_of_the_demo_ends(seed: int) -> None:
    """Doors open and close by turns, devices fall silent and come back by turns: nothing is left hanging for ever."""
    state: dict[str, str] = {}
    for act in first_hour(seed):
        word = act.type if act.type.startswith("door.") else act.does
        if word != "say":
            assert state.get(act.device) != word, act
            state[act.device] = word
    assert len(state) == 6


def test_the_demo_names_only_devices_that_it_has() -> None:
    """Every act is of a registered device; sessions are for those without a gateway."""
    known = {(d.site, d.code) for d in demo().world.devices}
    assert {(a.site, a.device) for a in first_hour(1)} <= known
    assert known - {key for key, _ in with_session(demo().world)} == {
        ("demo-home-1", "pir-1"),
        ("demo-home-1", "mat-1"),
    }
