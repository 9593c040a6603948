"""`up --demo`: within a minute the desk has seen what it is for."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running_stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(280)

HOME, CARE = "demo-home-1", "demo-care-1"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with the demo in it."""
    with running_stack("--demo") as running:
        yield running


def test_the_story_of_the_demo(stack: Stack) -> None:
    """Two presses; a door left open and a silent camera are raised, and cleared when they are well again."""
    until("a second press", lambda: [a for a in stack.alerts(HOME, "S-01") if a["occurrences"] >= 2], 40)
    door = until("D-03", lambda: stack.alerts(CARE, "D-03"), 40)[0]
    camera = until("H-04", lambda: stack.alerts(CARE, "H-04"), 60)[0]
    assert door["subject"] == {"kind": "place", "code": "door-garden"}
    assert camera["subject"] == {"kind": "device", "code": "cam-garden"}
    # At night an open door is a P2, which a person closes; a P3 closes itself.
    left = "new" if door["severity"] == "P2" else "closed"
    until("the door's clears", lambda: state(stack, door["id"]) == ("cleared", left), 90)
    until("the camera's clears", lambda: state(stack, camera["id"]) == ("cleared", "closed"), 90)
    assert stack.alerts(HOME, "S-01")[0]["handling"] == "new"


def state(stack: Stack, number: int) -> tuple[str, str]:
    """The condition and the handling of an alert."""
    alert = stack.request("GET", f"/alerts/{number}").json()
    return alert["condition"], alert["handling"]


def test_the_demo_lives_on_believably(stack: Stack) -> None:
    """Motion, the bed, the guard and doors are heard of, everything in its place: nothing is in quarantine."""
    wanted = {"motion.detected", "bed.entered", "guard.passed", "door.opened", "door.closed", "sos.pressed"}

    def heard() -> set[str]:
        return {event["type"] for site in (HOME, CARE) for event in stack.all(f"/events?site={site}")}

    until("the day-to-day", lambda: heard() >= wanted, 240)
    assert stack.all("/quarantine") == []
    assert {alert["rule"] for site in (HOME, CARE) for alert in stack.all(f"/alerts?site={site}")} >= {
        "S-01",
        "D-03",
        "H-04",
    }


def test_names_are_of_nobody(stack: Stack) -> None:
    """Residents of the demo are codes."""
    assert {resident["name"] for resident in stack.all("/residents")} == {"老人 A-017", "老人 B-101", "老人 B-102"}
