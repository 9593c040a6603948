"""The longer shipped scenarios check themselves on a real stack. Run by `scripts/soak`."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.scenario_runs import Run, play
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.timeout(280)

LONGER = ("quiet-home-week", "institution-day", "camera-outage", "every-fault")
DISTRICT_WITHIN = 900  # seconds, most of them for 868 logins where the machine is busy


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module")
def played(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """How each scenario ended; all are played at the same time."""
    return play(tmp_path_factory.mktemp("scenarios"), {name: (name, "--data", str(stack.data)) for name in LONGER})


@pytest.mark.parametrize("name", LONGER)
def test_a_scenario_checks_itself(played: dict[str, Run], name: str) -> None:
    """The alerts seen through the API are the expected ones, each at its time, and no others."""
    run = played[name]
    assert (run.code, json.loads(run.out)["ok"]) == (0, True), run


def test_no_fault_is_above_p3(stack: Stack, played: dict[str, Run]) -> None:
    """Of a home with every fault, nothing but the one press is above P3; and nothing is in quarantine."""
    assert played["every-fault"].code == 0
    sites = ("sim-faults-1", "sim-faults-2", "sim-alone-1", "sim-worn-1")
    high = [a for site in sites for a in stack.all(f"/alerts?site={site}") if a["severity"] in {"P1", "P2"}]
    assert [(a["rule"], a["site"], a["occurrences"]) for a in high] == [("S-01", "sim-faults-2", 2)]
    assert [held for site in sites for held in stack.quarantined(site)] == []


@pytest.mark.timeout(DISTRICT_WITHIN + 200)
def test_the_district_lives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """4,990 devices behind 868 sessions: the calls among them are raised at their times, and nothing else."""
    with running_stack() as stack:
        run = play(tmp_path, {"district": ("district", "--data", str(stack.data))}, seconds=DISTRICT_WITHIN)["district"]
        memory = {part: psutil.Process(stack.pid_of(part)).memory_info().rss >> 20 for part in ("api", "ingest")}
        stored, held = stack.metric("shouwang_events_total"), stack.all("/quarantine")
    with capsys.disabled():
        print(f"\ndistrict: {stored:.0f} events, MB {memory}, load {psutil.getloadavg()[0]:.1f}: {run.out}")  # noqa: T201 -- the figures are what this is run for
    assert (run.code, json.loads(run.out)["ok"]) == (0, True), run
    assert held == []
