"""Who is let in, as whom, and how everybody else is told no."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from api.auth import COOKIE
from api.lockout import FAILURES
from api.tokens import BadToken, issue_link, issue_token
from devices.scope import Scope
from tests.api_parts import Api, assert_problem, running_api

ME = "/api/v1/me"
SESSION = "/api/v1/session"


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url) as running:
        yield running


async def link_of(api: Api, role: str = "duty") -> str:
    async with api.service.connection() as conn:
        return await issue_link(conn, role=role, now=api.clock())


async def test_bearer(api: Api) -> None:
    """A token is a principal of its own, with its role and scope, and a cookie's CSRF token it has none."""
    scope = Scope(sites=("h1",))
    answer = await api.client.get(ME, headers=await api.bearer("duty", scope, "晚班一号"))
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "晚班一号",
        "role": "duty",
        "scope": {"sites": ["h1"]},
        "expires_at": None,
        "csrf": None,
    }


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer", "Bearer  ", "Basic YTpi", "nonsense", "", "bearer \xe9", "Bearer a b"]
)
async def test_wrong_header(api: Api, header: str) -> None:
    """Whatever stands in the header, a wrong one is a 401 with a challenge."""
    answer = await api.client.get(ME, headers={b"Authorization": header.encode("latin-1")})
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="shouwang", error="invalid_token"')


async def test_no_header(api: Api) -> None:
    """Who brings nothing is told how to come, without an error code (RFC 6750, 3.1)."""
    answer = await api.client.get(ME)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="shouwang"'


async def test_expired(api: Api) -> None:
    """A token works until its end, and no longer."""
    ends = api.clock() + timedelta(hours=1)
    async with api.service.connection() as conn:
        _, token = await issue_token(conn, role="duty", expires_at=ends, now=api.clock())
    header = {"Authorization": f"Bearer {token}"}
    assert (await api.client.get(ME, headers=header)).status_code == 200
    api.clock.now = ends
    answer = await api.client.get(ME, headers=header)
    assert_problem(answer, 401, "unauthorized")
    assert "expired" in answer.json()["detail"]


async def test_revoked(api: Api) -> None:
    """A revoked principal is out at once, with token and session."""
    header = await api.bearer("duty", name="gone")
    token = header["Authorization"].removeprefix("Bearer ")
    assert (await api.client.post(SESSION, json={"token": token})).status_code == 201
    assert (await api.client.get(ME)).status_code == 200
    async with api.service.connection() as conn:
        await conn.execute("UPDATE principal SET revoked_at = now() WHERE name = 'gone'")
    assert_problem(await api.client.get(ME), 401, "unauthorized")
    assert_problem(await api.client.get(ME, headers=header), 401, "unauthorized")


async def test_token_is_not_stored(api: Api) -> None:
    """What is stored cannot be used: of token, link, session nothing but a hash."""
    header = await api.bearer("admin")
    link = await link_of(api)
    await api.client.post(SESSION, json={"link": link})
    secrets = [header["Authorization"].removeprefix("Bearer "), link, api.client.cookies[COOKIE]]
    async with api.service.connection() as conn:
        for table in ("principal", "signin_link", "session"):
            rows = await (await conn.execute(f"SELECT * FROM {table}".encode())).fetchall()
            assert rows
            assert not any(secret in str(row) for secret in secrets for row in rows)


async def test_link_works_once(api: Api) -> None:
    """Looking at a link spends nothing; signing in with it does."""
    link = await link_of(api)
    for _ in range(2):
        assert (await api.client.get("/signin", params={"link": link})).status_code == 200
    answer = await api.client.post(SESSION, json={"link": link})
    assert answer.status_code == 201
    assert answer.json()["role"] == "duty"
    api.client.cookies.clear()
    assert_problem(await api.client.post(SESSION, json={"link": link}), 401, "unauthorized")


async def test_link_expires(api: Api) -> None:
    """A link that lay about for an hour opens nothing."""
    link = await link_of(api)
    api.clock.now += timedelta(hours=1)
    assert_problem(await api.client.post(SESSION, json={"link": link}), 401, "unauthorized")


async def test_cookie(api: Api) -> None:
    """No script reads the session's cookie and no other site sends it."""
    answer = await api.client.post(SESSION, json={"link": await link_of(api)})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie


async def test_session_expires(api: Api) -> None:
    """A session ends with the shift."""
    await api.client.post(SESSION, json={"link": await link_of(api)})
    assert (await api.client.get(ME)).status_code == 200
    api.clock.now += timedelta(hours=12)
    assert_problem(await api.client.get(ME), 401, "unauthorized")


async def test_csrf(api: Api) -> None:
    """With a cookie, what changes something needs the session's own CSRF token; reading does not."""
    await api.client.post(SESSION, json={"link": await link_of(api)})
    csrf = (await api.client.get(ME)).json()["csrf"]
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": ""}):
        assert_problem(await api.client.delete(SESSION, headers=headers), 403, "csrf")
    assert (await api.client.delete(SESSION, headers={"X-CSRF-Token": csrf})).status_code == 204


async def test_sign_out(api: Api) -> None:
    """After signing out the cookie opens nothing, also where the browser kept it."""
    csrf = (await api.client.post(SESSION, json={"link": await link_of(api)})).json()["csrf"]
    kept = api.client.cookies[COOKIE]
    await api.client.delete(SESSION, headers={"X-CSRF-Token": csrf})
    api.client.cookies.set(COOKIE, kept)
    assert_problem(await api.client.get(ME), 401, "unauthorized")


async def test_lock_out(api: Api) -> None:
    """After ten failed sign-ins a client waits, also with the right token; who is signed in stays so."""
    header = await api.bearer()
    for _ in range(FAILURES):
        assert_problem(await api.client.post(SESSION, json={"token": "wrong"}), 401, "unauthorized")
    right = {"token": header["Authorization"].removeprefix("Bearer ")}
    answer = await api.client.post(SESSION, json=right)
    assert_problem(answer, 429, "locked-out")
    assert 0 < int(answer.headers["retry-after"]) <= 301
    assert (await api.client.get(ME, headers=header)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"link": "a", "token": "b"},
        {"link": ""},
        {"link": 7},
        {"token": "x" * 257},
        {"token": "x", "more": 1},
        [],
        None,
        "text",
    ],
)
async def test_wrong_sign_in(api: Api, body: object) -> None:
    """A body that is no sign-in is told so, and what was sent is not echoed."""
    answer = await api.client.post(SESSION, json=body)
    assert_problem(answer, 422, "invalid")
    assert answer.json()["errors"]
    assert "xxx" not in answer.text


@pytest.mark.parametrize("token", ["\x00", "\ud800", "é", "' OR 1=1"])
async def test_strange_token(api: Api, token: str) -> None:
    """Text that no database holds is an unknown token or no text, never an error of ours."""
    content = '{"token": "' + token.encode("unicode_escape").decode().replace("\\x", "\\u00") + '"}'
    answer = await api.client.post(SESSION, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {401, 422}, answer.text


async def test_names_are_unique(api: Api) -> None:
    """Two principals never share a name, since alerts show it; made-up names are new each time."""
    async with api.service.connection() as conn:
        made = {(await issue_token(conn, role="duty", now=api.clock()))[0].name for _ in range(20)}
        assert len(made) == 20
        await issue_token(conn, role="duty", name="desk-1", now=api.clock())
        with pytest.raises(BadToken, match="taken"):
            await issue_token(conn, role="duty", name="desk-1", now=api.clock())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"role": "king"}, "no role"),
        ({"role": "duty", "name": ""}, "name"),
        ({"role": "duty", "name": "a\nb"}, "name"),
        ({"role": "duty", "name": "x" * 101}, "name"),
    ],
)
async def test_wrong_token_request(api: Api, wrong: dict[str, str], said: str) -> None:
    """What no token can be is refused with a sentence, before anything is written."""
    async with api.service.connection() as conn:
        with pytest.raises(BadToken, match=said):
            await issue_token(conn, role=wrong["role"], name=wrong.get("name"), now=api.clock())
