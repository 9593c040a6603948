"""A reported absence (外出报备), from the API to the engine."""

import pytest

from tests.stack import Stack, home
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


def test_a_reported_absence_ends_the_silence(stack: Stack) -> None:
    """A resident is silent, is reported away, and the alert's condition ends; back home the count starts anew."""
    stack.register(home("absent"))
    short = [{"scope": "site:absent", "set": {"after": "2s"}}]
    assert stack.request("PUT", "/rules/A-01/overrides", json=short).status_code == 200
    alert = until("A-01", lambda: stack.alerts("absent", "A-01"), 30)[0]
    assert (alert["severity"], alert["resident"], alert["condition"]) == ("P4", "absent-r", "active")

    def be(presence: str) -> None:
        assert stack.request("PATCH", "/residents/absent-r", json={"presence": presence}).status_code == 200

    be("away")
    closed = until("the alert closes itself", lambda: [a for a in stack.alerts("absent", "A-01") if a["cleared_at"]])
    assert (closed[0]["id"], closed[0]["handling"]) == (alert["id"], "closed")
    be("home")
    until("A-01 again", lambda: len(stack.alerts("absent", "A-01")) == 2, 30)
    off = [{"scope": "site:absent", "enabled": False}]
    assert stack.request("PUT", "/rules/A-01/overrides", json=off).status_code == 200
