"""Registry files alone: what they may say, and that every problem is found where it stands."""

import pytest

from devices.models import Care
from devices.references import Known, Registry, parse_registry
from devices.registry_file import RegistryError

SITE = '[[site]]\ncode = "h1"\nkind = "home"\n'
RESIDENT = '[[resident]]\ncode = "r1"\nsite = "h1"\n'
DEVICE = '[[device]]\nsite = "h1"\ncode = "d1"\nkind = "camera"\n'


def parse(text: str) -> Registry:
    return parse_registry(text, file="homes.toml")


def wrong(text: str) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def test_the_least_that_is_needed() -> None:
    """Code, kind and what a row belongs to; the rest has its defaults."""
    registry = parse(
        SITE
        + RESIDENT
        + DEVICE
        + '[[place]]\nsite = "h1"\ncode = "p"\nkind = "room"\n[[contact]]\nid = "c"\nresident = "r1"\n'
    )
    assert (registry.sites[0].timezone, registry.sites[0].name) == ("Asia/Shanghai", "")
    assert (registry.residents[0].presence, registry.residents[0].flags) == ("home", ())
    assert (registry.devices[0].power, registry.devices[0].heartbeat) == (None, None)
    assert (registry.contacts[0].order, registry.contacts[0].language) == (1, "zh")
    assert registry.places[0].open_hours is None


def test_care_records_in_both_forms() -> None:
    """The four keys beside the others, in a table of their own, or partly so."""
    flat = parse(SITE + RESIDENT + 'conditions = "a"\nkey_notes = "b"\n').residents[0].care
    table = parse(SITE + RESIDENT + '[resident.care]\nconditions = "a"\nkey_notes = "b"\n').residents[0].care
    mixed = parse(SITE + RESIDENT + 'conditions = "a"\n[resident.care]\nkey_notes = "b"\n').residents[0].care
    assert flat == table == mixed == Care(conditions="a", key_notes="b")


def test_references_to_what_is_registered() -> None:
    """What the file does not hold may be known already."""
    known = Known(
        sites=frozenset({"h1"}),
        places={("h1", "door-1"): "door"},
        residents={"r1": "h1"},
        devices={("h1", "gw"): "gateway"},
    )
    text = '[[device]]\nsite = "h1"\ncode = "d"\nkind = "door_sensor"\nplace = "door-1"\ngateway = "gw"\n'
    assert parse_registry(text, file="f", known=known).devices[0].gateway == "gw"
    assert len(wrong(text)) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[site]]\nkind = "home"', "homes.toml: [[site]] 1: code: is required"),
        ('[[site]]\ncode = "h 1"\nkind = "home"', "homes.toml: [[site]] 1: code: a code is 1 to 64 of A-Z a-z 0-9 _ -"),
        (
            '[[site]]\ncode = "h1"\nkind = "flat"',
            "homes.toml: [[site]] 1: kind: Invalid enum value 'flat': home, institution are known",
        ),
        (SITE + "size = 3", "homes.toml: [[site]] 1: size: no such key"),
        (SITE + "name = 3", "homes.toml: [[site]] 1: name: Expected str, got int"),
        (SITE + 'timezone = "Asia/Atlantis"', "homes.toml: [[site]] 1: timezone: no such IANA time zone"),
        (SITE + 'name = "\\u0000"', "homes.toml: [[site]] 1: name: holds the character U+0000"),
        (SITE + f'name = "{"x" * 1001}"', "homes.toml: [[site]] 1: name: longer than 1000 characters"),
        (SITE + SITE, "homes.toml: [[site]] 2: code: the same as row 1"),
        (SITE + RESIDENT + 'flags = ["Fall Risk"]', "homes.toml: [[resident]] 1: flags: 'Fall Risk' is no flag"),
        (SITE + RESIDENT + 'flags = "dementia"', "homes.toml: [[resident]] 1: flags: Expected array, got str"),
        (SITE + RESIDENT + 'presence = "out"', "homes.toml: [[resident]] 1: presence: Invalid enum value 'out'"),
        (SITE + RESIDENT + 'care = "x"', "homes.toml: [[resident]] 1: care: Expected object, got str"),
        (SITE + RESIDENT + 'bed = "b"', "homes.toml: [[resident]] 1: bed: there is no place b at site h1"),
        (RESIDENT, "homes.toml: [[resident]] 1: site: there is no site h1"),
        (SITE + DEVICE + 'heartbeat = "5m"', "homes.toml: [[device]] 1: heartbeat: '5m' is no duration"),
        (SITE + DEVICE + "heartbeat = 60", "homes.toml: [[device]] 1: heartbeat: Expected str, got int"),
        (SITE + DEVICE + 'power = "solar"', "homes.toml: [[device]] 1: power: Invalid enum value 'solar'"),
        (SITE + DEVICE + 'place = "p"', "homes.toml: [[device]] 1: place: there is no place p at site h1"),
        (SITE + DEVICE + 'resident = "r"', "homes.toml: [[device]] 1: resident: there is no resident r"),
        (SITE + DEVICE + 'gateway = "g"', "homes.toml: [[device]] 1: gateway: there is no device g at site h1"),
        (SITE + DEVICE + 'gateway = "d1"', "homes.toml: [[device]] 1: gateway: the device d1 is a camera"),
        (SITE + DEVICE + DEVICE, "homes.toml: [[device]] 2: code: the same as row 1"),
        (
            SITE + '[[contact]]\nid = "c"\nresident = "r"',
            "homes.toml: [[contact]] 1: resident: there is no resident r",
        ),
        (
            SITE + RESIDENT + '[[contact]]\nid = "c"\nresident = "r1"\norder = 99999',
            "homes.toml: [[contact]] 1: order: an order is a number from 0 to 10000",
        ),
        (
            SITE + RESIDENT + '[[contact]]\nid = "c"\nresident = "r1"\nchannels = ["S M S"]',
            "homes.toml: [[contact]] 1: channels: 'S M S' is no channel",
        ),
        ("[[gadget]]\ncode = 1", "homes.toml: [[gadget]]: no such table"),
        ('[site]\ncode = "h1"', "homes.toml: [[site]]: rows are written as [[site]]"),
        ("site = 5", "homes.toml: [[site]]: rows are written as [[site]]"),
        ("[[site]", "homes.toml: no TOML: "),
        ("x = " + "[" * 5_000, "homes.toml: no TOML: nested too deep"),
        ("x = " + "1" * 5_000, "homes.toml: no TOML: "),
    ],
)
def test_problems_say_where_they_stand(text: str, problem: str) -> None:
    """File, table, row and key, and what is wrong in plain words."""
    [found] = wrong(text)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "window", ["6:00-22:00", "06:00", "06:00-24:01", "06:00 - 22:00", "06:00-06:00", "25:00-26:00", ""]
)
def test_windows_that_are_none(window: str) -> None:
    """A schedule that could not be meant is refused."""
    [problem] = wrong(SITE + f'[[place]]\nsite = "h1"\ncode = "p"\nkind = "door"\nopen_hours = ["{window}"]')
    assert problem.startswith("homes.toml: [[place]] 1: open_hours:")


@pytest.mark.parametrize("window", ["06:00-22:00", "22:00-06:00", "00:00-24:00"])
def test_windows(window: str) -> None:
    """Windows may cross midnight or last the whole day."""
    text = SITE + f'[[place]]\nsite = "h1"\ncode = "p"\nkind = "door"\nopen_hours = ["{window}"]'
    assert parse(text).places[0].open_hours == (window,)


def test_every_problem_is_found() -> None:
    """A file is corrected in one go; what refers to a broken row is no problem of its own."""
    text = (
        '[[site]]\ncode = "h1"\nkind = "flat"\nsize = 3\n'
        '[[place]]\nsite = "h1"\ncode = "p"\nkind = "door"\n'
        '[[site]]\ncode = "h2"\nkind = "home"\n'
        '[[resident]]\ncode = "r2"\nsite = "h2"\n'
        '[[resident]]\ncode = "r3"\nsite = "h3"\n'
        '[[device]]\nsite = "h2"\ncode = "d"\nkind = "fall"\nplace = "x"\nresident = "r3"\n'
    )
    assert [problem.split(": ")[1:3] for problem in wrong(text)] == [
        ["[[site]] 1", "kind"],
        ["[[site]] 1", "size"],
        ["[[resident]] 2", "site"],
        ["[[device]] 1", "resident"],
        ["[[device]] 1", "place"],
        ["[[device]] 1", "resident"],
    ]


def test_a_bed_is_a_bed() -> None:
    """A resident sleeps in no door."""
    door = '[[place]]\nsite = "h1"\ncode = "p"\nkind = "door"\n'
    assert wrong(SITE + door + RESIDENT + 'bed = "p"') == [
        "homes.toml: [[resident]] 1: bed: the place p is a door, not a bed"
    ]


def test_a_resident_of_another_site() -> None:
    """A device stands where its wearer lives."""
    other = (
        '[[site]]\ncode = "h2"\nkind = "home"\n[[device]]\nsite = "h2"\ncode = "d"\nkind = "fall"\nresident = "r1"\n'
    )
    assert wrong(SITE + RESIDENT + other) == ["homes.toml: [[device]] 1: resident: the resident r1 lives at site h1"]


def test_a_gateway_behind_itself() -> None:
    """A gateway is its own parent nowhere."""
    assert len(wrong(SITE + '[[device]]\nsite = "h1"\ncode = "g"\nkind = "gateway"\ngateway = "g"\n')) == 1
