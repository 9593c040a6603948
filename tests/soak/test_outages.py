"""Ten minutes without the database, then ten without ingest. Another length: `scripts/soak -s -k outages --away N`."""

import pytest

from tests.faults.campaign import wrong_after
from tests.faults.course import live_through, silent
from tests.stack import running_stack

pytestmark = pytest.mark.timeout(3600)


def test_long_outages(pytestconfig: pytest.Config) -> None:
    """Nothing is lost, memory is bounded, and of 10,000 devices only the one that fell silent is told of."""
    with running_stack() as stack:
        course = live_through(stack, pytestconfig.getoption("--away"))
        print(course.outages, course.campaign.figures())  # noqa: T201 -- the figures of the run
        wrong = wrong_after(stack, course.campaign)
        assert not wrong, "\n".join(wrong[:20])
        assert silent(stack) == [course.silent]
        assert max(seen.held_mib for seen in course.outages.values()) < 300
