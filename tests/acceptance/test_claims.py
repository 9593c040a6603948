"""Many desks, one alert."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.stack import Stack, home
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

DESKS, TRIES = 5, 50


def test_fifty_claims_at_once_have_one_holder(stack: Stack) -> None:
    """Of five desks that claim one alert ten times each at one moment, one gets it; the others are told who."""
    stack.register(home("claim"))
    stack.device("claim", "sos-1").publish({"type": "sos.pressed", "id": "p1"})
    alert = until("S-01", lambda: stack.alerts("claim", "S-01"), 10)[0]
    desks = [stack.command("token", "issue", "--role", "duty", "--data", str(stack.data)).strip() for _ in range(DESKS)]
    together = threading.Barrier(TRIES)

    def claim(k: int) -> httpx.Response:
        together.wait()
        return stack.request("POST", f"/alerts/{alert['id']}/claim", token=desks[k % DESKS], json={})

    with ThreadPoolExecutor(TRIES) as pool:
        answers = list(pool.map(claim, range(TRIES)))
    won = {k % DESKS for k, answer in enumerate(answers) if answer.status_code == 200}
    assert {answer.status_code for answer in answers} == {200, 409}
    assert len(won) == 1
    holder = stack.request("GET", f"/alerts/{alert['id']}").json()["claimed_by"]
    assert {answer.json()["holder"] for answer in answers if answer.status_code == 409} == {holder}
