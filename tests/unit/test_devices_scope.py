"""Scopes as documents."""

from typing import Any

import pytest

from devices.scope import BadScope, Scope


@pytest.mark.parametrize(
    "document",
    [{"district": True}, {"streets": ["一"]}, {"sites": ["h1", "h2"]}, {"residents": ["r1"], "sites": ["h1"]}],
)
def test_scopes_round_trip(document: dict[str, Any]) -> None:
    """What is stored comes back as it was."""
    assert Scope.parse(document).document() == document


@pytest.mark.parametrize(
    "document",
    [None, {}, [], "district", {"district": False}, {"sites": []}, {"sites": "h1"}, {"site": ["h1"]}, {"sites": [1]}],
)
def test_what_is_no_scope(document: Any) -> None:
    """A scope that names nothing, or something unknown, never reads as one."""
    with pytest.raises(BadScope):
        Scope.parse(document)


def test_the_default_sees_nothing() -> None:
    """A scope made without words is the narrowest, not the widest."""
    assert not Scope().whole
    assert Scope.DISTRICT.whole
    assert Scope().params() == {"whole": False, "streets": [], "sites": [], "residents": []}
