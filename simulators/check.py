"""A live scenario that checks itself: the alerts seen through the public API against the expected ones."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulators.api_client import ApiClient, ApiError
from simulators.expected import Difference, compare
from simulators.link import Link
from simulators.live import run_live
from simulators.scenario import Scenario

LOOK_EVERY = 0.5  # seconds between two looks at the alerts
GRACE = 15.0  # seconds beyond the last tolerance, for a server that is busy
BEFORE = timedelta(minutes=1)  # by how much this clock may be ahead of the server's
CONFLICT = 409


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What came of it; `ok` where nothing differs. `alerts` are those that were seen, as the API tells them."""

    expected: int
    alerts: Sequence[dict[str, Any]] = field(repr=False)
    differences: Sequence[Difference]

    @property
    def ok(self) -> bool:
        return not self.differences


async def run_checked(scenario: Scenario, *, api: ApiClient, broker: Link, seed: int) -> Checked:
    """Play the scenario and compare. Open alerts of its sites, left by an earlier run, are closed first as tests."""
    sites = {site.code for site in scenario.world.sites}
    before = await _left_over(api, sites)
    result: list[Checked] = []

    async def afterwards(began: datetime) -> None:
        result.append(await _seen(scenario, api, began, sites, before))

    await run_live(scenario, api=api, broker=broker, seed=seed, afterwards=afterwards)
    return result[0]


async def _left_over(api: ApiClient, sites: set[str]) -> set[int]:
    """The alerts that are there already, none of them open any more."""
    found = [alert for alert in await api.alerts() if alert["site"] in sites]
    for alert in found:
        if alert["handling"] != "closed":
            try:
                await api.close(alert["id"], outcome="test", contact="simulated site")
            except ApiError as error:
                if error.status != CONFLICT:  # it closed itself meanwhile, or somebody holds it
                    raise
    return {alert["id"] for alert in found}


async def _seen(scenario: Scenario, api: ApiClient, began: datetime, sites: set[str], before: set[int]) -> Checked:
    """Look until all that is expected is there and nothing more came for a while, or until it is too late for it."""
    rules = frozenset(rule["code"] for rule in await api.rules())
    wanted = [e for e in scenario.expected if not e.may and (e.rule in rules or not e.known)]
    due = began + max((e.after + e.tolerance for e in wanted if e.after is not None), default=timedelta())
    deadline = time.monotonic() + max(0.0, (due - datetime.now(due.tzinfo)).total_seconds()) + GRACE
    alerts: list[dict[str, Any]] = []
    differences: list[Difference] = []
    since = time.monotonic()
    while True:
        found = await api.alerts(since=(began - BEFORE).isoformat())
        now = [alert for alert in found if alert["site"] in sites and alert["id"] not in before]
        if [_state(alert) for alert in now] != [_state(alert) for alert in alerts]:
            since = time.monotonic()
        alerts, differences = now, compare(scenario.expected, now, began=began, rules=rules)
        open_still = any(one.kind != "unexpected" for one in differences)
        calm = time.monotonic() - since >= scenario.settle.total_seconds()
        if (calm and not open_still) or time.monotonic() >= deadline:
            return Checked(expected=len(wanted), alerts=alerts, differences=differences)
        await asyncio.sleep(LOOK_EVERY)


def _state(alert: dict[str, Any]) -> tuple[Any, ...]:
    return alert["id"], alert["severity"], alert["condition"], alert["occurrences"]
