"""Rules in service: versions in the log, overrides without a restart."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from alerts.catalogue import load_catalogue
from alerts.live import LiveEngine
from alerts.overrides import OverrideError
from alerts.versions import UnknownRule, ensure_versions, newest_versions, put_overrides
from store.head import read_input
from store.pool import Pool
from tests.live_parts import NOW, Home, open_home


@pytest.fixture
async def home(pool: Pool) -> AsyncIterator[Home]:
    """A home under watch."""
    async with open_home(pool) as opened:
        yield opened


async def test_an_override_takes_effect_without_a_restart(home: Home) -> None:
    """A running condition is judged by the new threshold, after a restart too; the alert names the version."""
    await home.run(("mag-1", "door.opened", NOW))
    overrides = [{"scope": "place:h1/door-1", "set": {"after": "2min"}}]
    assert await put_overrides(home.conn, "D-03", overrides, by="li", now=NOW + timedelta(minutes=1)) == 2
    await home.run()
    home.engine = LiveEngine()
    await home.engine.bootstrap(home.conn)
    await home.run(watermark=NOW + timedelta(minutes=3))
    (alert,) = await home.alerts()
    assert (alert["rule_version"], alert["raised_at"]) == (2, "2026-11-23T12:02:00+08:00")


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        ("*", True), ("site:h1", True), ("place:h1/door-1", True), ("site:h2", False), ("place:h1/door-9", False),
        ("place:h2/door-1", False),
    ],
)  # fmt: skip
async def test_a_scope_must_be_registered(home: Home, scope: str, known: bool) -> None:
    """What the registry does not know is a problem with its place in the list, and nothing is written."""
    before = len(await read_input(home.conn, 0))
    given = [{"scope": scope, "set": {"after": "2min"}}]
    if known:
        assert await put_overrides(home.conn, "D-03", given, by="li", now=NOW) == 2
    else:
        with pytest.raises(OverrideError) as error:
            await put_overrides(home.conn, "D-03", given, by="li", now=NOW)
        assert [(p.index, p.key) for p in error.value.problems] == [(0, "scope")]
    assert len(await read_input(home.conn, 0)) == before + known


async def test_an_unknown_rule_is_named(home: Home) -> None:
    """There are no overrides of a rule that does not exist."""
    with pytest.raises(UnknownRule, match="X-99"):
        await put_overrides(home.conn, "X-99", [], by="li", now=NOW)


async def test_a_changed_catalogue_keeps_the_overrides(home: Home) -> None:
    """A new definition is a new version of that rule alone, with the overrides in force."""
    await put_overrides(home.conn, "D-03", [{"scope": "*", "set": {"after": "2min"}}], by="li", now=NOW)
    text = LONGER
    assert await ensure_versions(home.conn, {**load_catalogue(), **load_catalogue(text)}) == 1
    newest = await newest_versions(home.conn)
    assert {code: row["version"] for code, row in newest.items()} == {**dict.fromkeys(load_catalogue(), 1), "D-03": 3}
    assert newest["D-03"]["overrides"] == [{"scope": "*", "id": 0, "set": {"after": "2min"}}]
    assert newest["D-03"]["definition"]["after"] == "20min"


LONGER = """
[[rule]]
code = "D-03"
name = { zh = "门未关", en = "Left open" }
primitive = "held"
subject = "place"
state = "open"
after = "20min"
severity = "P3"
clear = { state = "closed" }
advice = { zh = ["一", "二"], en = ["one", "two"] }
"""
