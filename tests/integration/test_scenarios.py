"""A shipped scenario checks itself on a real stack. The longer ones: `scripts/soak`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import SHOUWANG, Stack, running_stack

pytestmark = pytest.mark.timeout(280)

SHORT = ("sos-storm",)

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

Played = dict[str, tuple[int, str, str]]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module")
def played(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Exit code, output and errors of each scenario."""
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "broken.toml").write_text(BROKEN)
    (folder / "token").write_text(stack.token)
    data = ("--data", str(stack.data))
    elsewhere = ("--api", f"http://127.0.0.1:{stack.http}", "--token-file", str(folder / "token"))
    calls: dict[str, tuple[str, ...]] = {name: (name, *data) for name in SHORT}
    calls["broken"] = (str(folder / "broken.toml"), *data)
    calls["sos-storm"] = ("sos-storm", *elsewhere, "--mqtt-url", f"mqtt://127.0.0.1:{stack.mqtt}")
    runs = {name: _start(folder / name, *call) for name, call in calls.items()}
    try:
        return {name: _end(folder / name, run) for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.kill()
            run.wait()


def _start(path: Path, *call: str) -> subprocess.Popen[bytes]:
    with path.with_suffix(".out").open("wb") as out, path.with_suffix(".err").open("wb") as err:
        return subprocess.Popen([*SHOUWANG, "simulate", *call, "--check", "--json"], stdout=out, stderr=err)


def _end(path: Path, run: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    code = run.wait(180)
    return code, path.with_suffix(".out").read_text(), path.with_suffix(".err").read_text()


@pytest.mark.parametrize("name", SHORT)
def test_a_scenario_checks_itself(played: Played, name: str) -> None:
    """The alerts seen through the API are the expected ones, each at its time, and no others."""
    code, out, err = played[name]
    assert (code, json.loads(out)["ok"]) == (0, True), (out, err)


def test_a_broken_expectation_is_told(played: Played) -> None:
    """Exit code 1; what is missing, what is wrong and what is one too many."""
    code, out, err = played["broken"]
    assert code == 1, err
    told = json.loads(out)
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
