"""The longer shipped scenarios check themselves on a real stack, all at the same time. Run by `scripts/soak`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import SHOUWANG, Stack, running_stack

pytestmark = pytest.mark.timeout(280)

LONGER = ("quiet-home-week", "institution-day", "camera-outage", "every-fault")

Played = dict[str, tuple[int, str, str]]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module")
def played(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Exit code, output and errors of each scenario."""
    folder = tmp_path_factory.mktemp("scenarios")
    runs = {name: _start(folder / name, name, "--data", str(stack.data)) for name in LONGER}
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


@pytest.mark.parametrize("name", LONGER)
def test_a_scenario_checks_itself(played: Played, name: str) -> None:
    """The alerts seen through the API are the expected ones, each at its time, and no others."""
    code, out, err = played[name]
    assert (code, json.loads(out)["ok"]) == (0, True), (out, err)


def test_no_fault_is_above_p3(stack: Stack, played: Played) -> None:
    """Of a home with every fault, nothing but the one press is above P3; and nothing is in quarantine."""
    assert played["every-fault"][0] == 0
    sites = ("sim-faults-1", "sim-faults-2", "sim-alone-1", "sim-worn-1")
    high = [a for site in sites for a in stack.all(f"/alerts?site={site}") if a["severity"] in {"P1", "P2"}]
    assert [(a["rule"], a["site"], a["occurrences"]) for a in high] == [("S-01", "sim-faults-2", 2)]
    assert [held for site in sites for held in stack.quarantined(site)] == []
