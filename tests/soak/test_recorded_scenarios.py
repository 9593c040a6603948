"""Every shipped scenario's recorded form against what is listed beside it: fed to ingest and engine, day by day."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.catalogue import load_catalogue
from simulators.expected import compare
from simulators.record import record
from simulators.scenario_file import load, shipped
from simulators.shape import shaped
from store.pool import Pool
from tests.recorded import watched

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("name", shipped())
async def test_a_recording_raises_what_is_listed(pool: Pool, tmp_path: Path, name: str) -> None:
    """What was planted stands beside the recording, and the engine raises the alerts listed there and no others."""
    scenario = shaped(load(name), mode="record", seed=load(name).head.seed)
    written = record(scenario, tmp_path / "r", seed=1)
    listed = [json.loads(line) for line in (tmp_path / "r.incidents.jsonl").read_text().splitlines()]
    assert len(listed) == written.planted == len(scenario.planted)
    step = timedelta(seconds=2 if scenario.lasts and scenario.lasts < timedelta(minutes=10) else 60)
    async with pool.connection() as conn:
        came = await watched(conn, scenario, step=step)
    rules = frozenset(load_catalogue())
    assert compare(scenario.expected, came.alerts, began=scenario.begins, rules=rules) == []
    assert came.quarantined == 0
