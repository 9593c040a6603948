"""A shipped scenario checks itself on a real stack. The longer ones: `scripts/soak`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenario_runs import Run, play
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.timeout(280)

SHORT = ("sos-storm", "falls", "night")

BROKEN = """
about = "Expects what does not happen, and does not expect what does."
begins = 2026-11-23T00:00:00+08:00
lasts = "2s"
[[homes]]
code = "sim-broken-{n}"
count = 2
devices = ["sos_button", "door_sensor"]
[[incident]]
kind = "press"
devices = ["sim-broken-1/sos-1"]
at = "1s"
[[incident]]
kind = "press"
devices = ["sim-broken-2/sos-1"]
at = "1s"
raises = [{ rule = "S-01", severity = "P3", after = "9s", tolerance = "1s", subject = "resident" }]
[[expect]]
rule = "D-03"
site = "sim-broken-1"
severity = "P3"
after = "1s"
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module")
def played(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """How each scenario ended."""
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "broken.toml").write_text(BROKEN)
    (folder / "token").write_text(stack.token)
    data = ("--data", str(stack.data))
    elsewhere = ("--api", f"http://127.0.0.1:{stack.http}", "--token-file", str(folder / "token"))
    calls: dict[str, tuple[str, ...]] = {name: (name, *data) for name in SHORT}
    calls["broken"] = (str(folder / "broken.toml"), *data)
    calls["sos-storm"] = ("sos-storm", *elsewhere, "--mqtt-url", f"mqtt://127.0.0.1:{stack.mqtt}")
    return play(folder, calls)


@pytest.mark.parametrize("name", SHORT)
def test_a_scenario_checks_itself(played: dict[str, Run], name: str) -> None:
    """The alerts seen through the API are the expected ones, each at its time, and no others."""
    run = played[name]
    assert (run.code, json.loads(run.out)["ok"]) == (0, True), run


def test_a_broken_expectation_is_told(played: dict[str, Run]) -> None:
    """Exit code 1; what is missing, what is wrong and what is one too many."""
    run = played["broken"]
    assert run.code == 1, run.err
    told = json.loads(run.out)
    assert [one["said"].split(" at ")[0] for one in told["unexpected"]] == [
        "S-01 P1 on sim-broken-1 resident sim-broken-1-r"
    ]
    assert [one["said"].split(" at ")[0] for one in told["missing"]] == ["D-03 P3 on sim-broken-1"]
    assert [one["said"].partition("): ")[2] for one in told["wrong"]] == [
        "severity P1 instead of P3, expected at +00:00:10.0 ± 1 s"
    ]


def test_wrong_use_ends_with_2(tmp_path: Path, stack: Stack) -> None:
    """A scenario that is not there, one with a mistake, a check of a recording."""
    broken = tmp_path / "wrong.toml"
    broken.write_text("lasts = 5")
    assert "wrong.toml: lasts:" in stack.command("simulate", str(broken), fails=2)
    assert "no-such" in stack.command("simulate", "no-such", fails=2)
    assert "--check" in stack.command("simulate", "sos-storm", "--check", "--record", str(tmp_path / "r"), fails=2)
