"""Any cut of a log gives the same alerts, and those are the reference's (design, guarantee 4)."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.log_parts import PLANS, Plan, cut, one_by_one, told, written


@settings(max_examples=90, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLANS, st.integers(0, 2**32))
def test_any_cut_gives_the_alerts_of_the_reference(plan: Plan, seed: int) -> None:
    """Random logs in random batches, with drops and restarts between: the reference's findings, in its order."""
    log = written(plan)
    dice = random.Random(seed)  # noqa: S311 -- where a log is cut is no secret
    assert told(cut(log, dice)) == log.found


@settings(max_examples=45, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLANS)
def test_one_by_one_gives_the_alerts_of_the_reference(plan: Plan) -> None:
    """Every entry a batch of its own: the reference's findings."""
    log = written(plan)
    assert told(one_by_one(log)) == log.found
