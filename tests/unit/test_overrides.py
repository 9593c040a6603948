"""Overrides: every problem named, nothing weakens what is never suppressed."""

from typing import Any

import pytest

from alerts.catalogue import load_catalogue
from alerts.overrides import OverrideError, parse_overrides
from devices.durations import MINUTE

RULES = load_catalogue()


def test_they_come_in_the_order_of_their_layers() -> None:
    """From the widest to the narrowest, whatever the order in which they were written."""
    found = parse_overrides(
        RULES["H-04"],
        [
            {"scope": "device:h1/cam-1", "set": {"after": "1min"}},
            {"scope": "place:h1/door-1", "enabled": False},
            {"scope": "*", "set": {"severity": "P2"}, "enabled": True},
            {"scope": "site:h1", "set": {}},
        ],
    )
    assert [o.layer for o in found] == ["all", "site", "place", "device"]
    assert found[-1].values == {"after": MINUTE}
    assert (found[-1].code, found[0].code, found[2].enabled) == ("h1/cam-1", "", False)


@pytest.mark.parametrize(
    ("rule", "override", "key"),
    [
        ("D-03", {"scope": "*", "set": {"after": "5 min"}}, "set.after"),
        ("D-03", {"scope": "*", "set": {"afters": "5min"}}, "set.afters"),
        ("D-03", {"scope": "*", "set": {"night.between": ["23:00"]}}, "set.night.between"),
        ("H-04", {"scope": "*", "set": {"night.after": "5min"}}, "set.night.after"),
        ("D-03", {"scope": "*", "set": []}, "set"),
        ("D-03", {"scope": "*", "sets": {}}, "sets"),
        ("D-03", {"scope": "*", "enabled": "no"}, "enabled"),
        ("D-03", {"scope": "*", "rule": "H-04"}, "rule"),
        ("D-03", {"scope": "door-1"}, "scope"),
        ("D-03", {"scope": "place:door-1"}, "scope"),
        ("D-03", {"scope": "site:"}, "scope"),
        ("D-03", {"scope": "device:h1/mag-1"}, "scope"),
        ("D-03", {"scope": 7}, "scope"),
        ("D-03", {}, "scope"),
        ("D-03", "all", "-"),
        ("S-01", {"scope": "*", "enabled": False}, "enabled"),
        ("S-01", {"scope": "resident:r1", "set": {"severity": "P4"}}, "set.severity"),
    ],
)
def test_what_is_wrong_is_named(rule: str, override: Any, key: str) -> None:
    """The problem names the override and the key."""
    with pytest.raises(OverrideError) as error:
        parse_overrides(RULES[rule], [override])
    assert [(p.index, p.key) for p in error.value.problems] == [(0, key)]


def test_all_problems_are_told_at_once() -> None:
    """A list with three faults gives three."""
    with pytest.raises(OverrideError) as error:
        parse_overrides(
            RULES["D-03"],
            [{"scope": "*"}, {"scope": "*"}, {"scope": "site:h1", "set": {"after": "x", "severity": "P9"}}],
        )
    assert [(p.index, p.key) for p in error.value.problems] == [(1, "scope"), (2, "set.after"), (2, "set.severity")]


def test_it_must_be_a_list() -> None:
    """Anything else is refused."""
    with pytest.raises(OverrideError, match="list"):
        parse_overrides(RULES["D-03"], {"scope": "*"})
