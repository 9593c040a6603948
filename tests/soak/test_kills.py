"""A hundred kills under load, on one stack. Another number: `scripts/soak -s -k kills --kills N`."""

import random

import pytest

from tests.faults.campaign import killing, prepare, wrong_after
from tests.stack import running_stack

pytestmark = pytest.mark.timeout(7200)

# Each stretch is judged by itself: a fault is told soon, and what is kept in memory stays small.
STRETCH = 25


def test_kills_under_load(pytestconfig: pytest.Config, dice: random.Random) -> None:
    """None of them loses an event, an alert or an action, or doubles one."""
    left = pytestconfig.getoption("--kills")
    while left > 0:
        with running_stack() as stack:
            campaign = killing(stack, prepare(stack, 40), kills=min(left, STRETCH), dice=dice)
            wrong = wrong_after(stack, campaign)
            assert not wrong, "\n".join([str(campaign.figures()), *wrong])
        left -= STRETCH
        print(campaign.figures())  # noqa: T201 -- the figures of the run
