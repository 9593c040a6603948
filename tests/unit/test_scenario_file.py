"""Scenario files: what is wrong with one is told with file, table and key."""

import pytest

from devices.registry_file import read_registry
from simulators.scenario_file import ScenarioError, ScenarioFile, load, read, shipped

HEAD = 'about = "x"\nlasts = "30s"\nbegins = 2026-11-23T00:00:00+08:00\n'
HOME = '[[homes]]\ncode = "h-{n}"\n'


def problems(text: str) -> list[str]:
    """What is said of a file, a sentence each."""
    with pytest.raises(ScenarioError) as told:
        read(text.encode(), file="mine.toml")
    return str(told.value).splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about = ", "mine.toml: Invalid value"),
        ('about = "x"\nlasts = "1s"', "mine.toml: begins: Object missing required field `begins`"),
        (HEAD.replace("30s", "30 seconds"), "mine.toml: lasts: '30 seconds' is no duration"),
        (HEAD.replace("+08:00", ""), "mine.toml: begins: "),
        (HEAD + "speed = 2", "mine.toml: speed: Object contains unknown field `speed`"),
        (HEAD + "[live]\nspeed = 0", "mine.toml: live.speed: `speed` is above zero"),
        (HEAD + "[fault]\nat = 1", "mine.toml: fault: is an array of tables: write [[fault]]"),
        (HEAD + '[[homes]]\ncode = "h"', "mine.toml: [[homes]] 1 code: `code` needs {n}"),
        (HEAD + '[[site]]\ncode = "s"\nkind = "castle"', "mine.toml: [[site]] 1 kind: Invalid enum value 'castle'"),
        (
            HEAD + HOME + '[[fault]]\nkind = "drop"\ndevices = ["h-1/*"]\nat = "1s"',
            "mine.toml: [[fault]] 1 lasts: `lasts` is needed",
        ),
        (
            HEAD + HOME + '[[fault]]\nkind = "rust"\ndevices = ["h-1/*"]\nat = "1s"',
            "mine.toml: [[fault]] 1 kind: Invalid value 'rust'",
        ),
        (
            HEAD + HOME + '[[incident]]\nkind = "press"\ndevices = ["h-2/sos-1"]\nat = "1s"',
            "mine.toml: [[incident]] 1 devices: 'h-2/sos-1' fits no device of this scenario",
        ),
        (
            HEAD + HOME + '[[incident]]\nkind = "press"\ndevices = ["h-1/pir-1"]\nat = "1s"',
            "mine.toml: [[incident]] 1 devices: h-1/pir-1 is a motion, this is for sos_button",
        ),
        (
            HEAD + HOME + '[[incident]]\nkind = "press"\ndevices = ["h-1/sos-1"]\nat = "1s"\n'
            'raises = [{ rule = "S-01", severity = "P9" }]',
            "mine.toml: [[incident]] 1 raises[0].severity: Invalid enum value 'P9'",
        ),
        (
            HEAD + HOME + '[[routine]]\nkind = "moving"\ndevices = ["*/pir-1"]\napart = ["9s", "2s"]',
            "mine.toml: [[routine]] 1 apart: `apart` is a shorter and a longer duration",
        ),
        (
            HEAD + HOME + '[[routine]]\nkind = "moving"\ndevices = ["*/pir-1"]\napart = ["2s", "9s"]\nhours = ["6-9"]',
            "mine.toml: [[routine]] 1 hours[0]: '6-9' is no window of a day",
        ),
        (
            HEAD + HOME + '[[routine]]\nkind = "living"\nsites = ["other"]',
            "mine.toml: [[routine]] 1 sites: 'other' fits no home of this scenario",
        ),
        (
            HEAD + HOME + '[[override]]\nrule = "D-03"\nscope = "site:other"',
            "mine.toml: [[override]] 1 scope: 'site:other' fits nothing of this scenario",
        ),
        (
            HEAD + HOME + '[[expect]]\nrule = "S-01"\nsite = "h-9"',
            "mine.toml: [[expect]] 1 site: there is no site 'h-9'",
        ),
        (
            HEAD + HOME + '[[device]]\nsite = "h-1"\ncode = "d"\nkind = "motion"\ngateway = "gw-7"',
            "mine.toml: device h-1/d gateway: 'gw-7' is no gateway of this site",
        ),
    ],
)
def test_a_mistake_is_told_with_file_and_key(text: str, said: str) -> None:
    """Whoever wrote the file is told where to look."""
    assert problems(text)[0].startswith(said)


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody mends a file one error a run."""
    text = HEAD.replace("30s", "x") + HOME + '[[fault]]\nkind = "rust"\n[[expect]]\nrule = 1\n'
    assert [line.split(": ")[1] for line in problems(text)] == ["lasts", "[[fault]] 1 kind", "[[expect]] 1 rule"]


def test_a_scenario_that_is_not_there() -> None:
    """The shipped ones are named."""
    with pytest.raises(ScenarioError, match=r"no-such: No such file.*sos-storm"):
        load("no-such")


@pytest.fixture(scope="module", params=shipped())
def scenario(request: pytest.FixtureRequest) -> ScenarioFile:
    """Each scenario that is shipped."""
    return load(request.param)


def test_the_registry_of_each_shipped_scenario_is_one(scenario: ScenarioFile) -> None:
    """The server's own reader finds nothing wrong with it."""
    assert read_registry(scenario.world.registry(), file=scenario.name).problems == []


def test_the_district_is_the_first_district() -> None:
    """807 homes; 15 institutions, together 26 door sensors and 31 cameras, one guard each; about 5,000 devices."""
    world = load("district").world
    inside = {site.code for site in world.sites if site.kind == "institution"}
    counts = {
        kind: sum(d.kind == kind and d.site in inside for d in world.devices)
        for kind in ("door_sensor", "camera", "guard")
    }
    assert (len(world.sites) - len(inside), len(inside)) == (807, 15)
    assert counts == {"door_sensor": 26, "camera": 31, "guard": 15}
    assert {d.site for d in world.devices if d.kind == "guard"} == inside
    assert 4900 <= len(world.devices) <= 5100
