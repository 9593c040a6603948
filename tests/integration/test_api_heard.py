"""What the watch says to an API that has no database, and who else may say it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.heard import MOST, State, Strips
from api.service import utc_now
from api.settings import ApiSettings
from devices.scope import Scope
from tests.api_parts import BASE, Api, Clock, assert_problem
from tests.parts import free_port
from tests.watch_parts import SECRET

HEADERS = {"Authorization": f"Bearer {SECRET}"}
PRESS = {
    "key": "0" * 32,
    "site": "h1",
    "device": "sos-1",
    "type": "sos.pressed",
    "at": None,
    "heard_at": "2026-11-23T02:00:00+00:00",
}


def state(*heard: dict[str, Any], gone: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"heard": list(heard), "gone": gone or []}


@pytest.fixture
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """An API without a database; its parameter is the secret by which it knows the watch."""
    url = f"postgresql://nobody:none@127.0.0.1:{free_port()}/none"
    app = create_app(ApiSettings(database_url=url, watch_secret=getattr(request, "param", SECRET)))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield Api(app=app, client=client, clock=Clock(utc_now()))


async def test_taken_without_a_database(api: Api) -> None:
    """What the watch says is held, the last word alone."""
    assert (await api.client.put("/heard", json=state(PRESS), headers=HEADERS)).status_code == 204
    assert [each.device for each in api.service.board.heard] == ["sos-1"]
    assert (await api.client.put("/heard", json=state(), headers=HEADERS)).status_code == 204
    assert api.service.board.heard == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Cookie": f"shouwang_session={SECRET}"}],
)
async def test_nobody_else(api: Api, headers: dict[str, str]) -> None:
    """Only the secret of the watch is taken."""
    assert_problem(await api.client.put("/heard", json=state(PRESS), headers=headers), 401, "unauthorized")
    assert api.service.board.heard == []


@pytest.mark.parametrize("api", [None], indirect=True)
async def test_no_secret_means_nobody(api: Api) -> None:
    """An API that knows no secret takes no word, also not of who knows none."""
    for given in ("None", "", SECRET):
        answer = await api.client.put("/heard", json=state(PRESS), headers={"Authorization": f"Bearer {given}"})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"heard": []},
        state({**PRESS, "key": "x"}),
        state({**PRESS, "site": "h 1"}),
        state({**PRESS, "type": "door.opened"}),
        state({**PRESS, "heard_at": "2026-11-23T02:00:00"}),
        state({**PRESS, "name": "somebody"}),
        state(gone=[{"key": "0" * 32, "outcome": "lost", "log_id": 1}]),
        state(*[PRESS] * (MOST + 1)),
    ],
)
async def test_wrong_words(api: Api, wrong: dict[str, Any]) -> None:
    """What does not fit is refused whole, and changes nothing."""
    await api.client.put("/heard", json=state(PRESS), headers=HEADERS)
    assert_problem(await api.client.put("/heard", json=wrong, headers=HEADERS), 422, "invalid")
    assert len(api.service.board.heard) == 1


async def test_too_long(api: Api) -> None:
    """A body beyond the limit is refused; five thousand emergencies are within it."""
    most = state(*[{**PRESS, "key": f"{n:032x}", "site": "s" * 64, "device": "d" * 64} for n in range(MOST)])
    assert (await api.client.put("/heard", json=most, headers=HEADERS)).status_code == 204
    assert_problem(await api.client.put("/heard", content=b" " * 3_000_000, headers=HEADERS), 413, "too-large")


async def test_strips_of_a_scope(api: Api) -> None:
    """A feed tells each of its own once, and its end only after it has come to where that stands in the log."""
    board, home, elsewhere = api.service.board, Scope(sites=("h1",)), Scope(sites=("h2",))
    mine, theirs = Strips(board), Strips(board)
    board.take(State.model_validate(state(PRESS)), api.clock())
    sees = api.service.streets.sees
    assert len(list(mine.frames(home, sees, 0))) == 1
    assert list(mine.frames(home, sees, 0)) == []
    assert list(theirs.frames(elsewhere, sees, 0)) == []
    gone = {"key": PRESS["key"], "outcome": "recorded", "log_id": 7}
    board.take(State.model_validate(state(gone=[gone])), api.clock())
    assert list(mine.frames(home, sees, 6)) == []
    (frame,) = mine.frames(home, sees, 7)
    assert frame.startswith(b"event: recorded\n")
    assert b"id:" not in frame.replace(b'"log_id":', b"")
    assert list(theirs.frames(elsewhere, sees, 7)) == []
