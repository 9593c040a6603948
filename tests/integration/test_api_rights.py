"""Every endpoint of the OpenAPI document against every role and a neighbour's scope.

What is expected is written down here a second time, on purpose: an endpoint that the document has and this table has
not fails the first test.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args

import httpx
import pytest

from api.feed import FeedTimes
from api.rights import Role
from devices.scope import Scope
from tests.api_parts import Api, assert_problem, homes_of, running_api

ROLES = get_args(Role)
NEIGHBOUR = Scope(sites=("h2",))
V1 = "/api/v1"
Headers = dict[str, str]

NAMES = {"site": "h1", "place": "door-1", "device": "sos-1", "resident": "r1", "contact": "c1", "alert": "1"}
NOWHERE = {"site": "zz", "place": "zz", "device": "zz", "resident": "zz", "contact": "zz", "alert": "999"}
OURS = re.compile(r"\b(h1|r1|c1)\b")

ALL = frozenset(ROLES)
DESK = frozenset({"admin", "supervisor", "duty"})
CARE = DESK | {"provider"}
LOOKERS = CARE | {"family", "bureau"}
MANAGERS = frozenset({"admin", "supervisor"})
FITTERS = MANAGERS | {"installer"}


class Beyond(Enum):
    """What somebody whose role may gets, where what is asked for is a neighbour's."""

    GONE = "404, as of what never was"
    LEFT_OUT = "a list without it"
    DISTRICT = "403: it takes the whole district"
    SAME = "the same: nothing in it belongs to anybody"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """`roles`: who may, None for everybody without signing in. `answer`: to the first who may."""

    roles: frozenset[str] | None
    beyond: Beyond = Beyond.GONE
    answer: int = 200
    json: Any = None
    toml: str | None = None
    query: str = ""


# In the order in which they are asked: what removes comes last.
EXPECTED: Mapping[str, Expected] = {
    "GET /healthz": Expected(roles=None),
    "GET /readyz": Expected(roles=None, answer=503),
    "GET /metrics": Expected(roles=None),
    f"POST {V1}/session": Expected(roles=None, answer=401, json={"token": "nobody's"}),
    f"GET {V1}/me": Expected(roles=ALL, beyond=Beyond.SAME),
    f"GET {V1}/alerts": Expected(roles=LOOKERS, beyond=Beyond.LEFT_OUT),
    # Beyond the log's end, so that the feed ends at once; what it leaves out has a test of its own below.
    f"GET {V1}/alerts/feed": Expected(roles=LOOKERS, beyond=Beyond.SAME, answer=409, query="?last_event_id=99999"),
    f"GET {V1}/alerts/{{alert}}": Expected(roles=LOOKERS),
    f"POST {V1}/alerts/{{alert}}/claim": Expected(roles=CARE),
    f"POST {V1}/alerts/{{alert}}/release": Expected(roles=CARE),
    f"POST {V1}/alerts/{{alert}}/note": Expected(roles=CARE, json={"note": "x"}),
    f"POST {V1}/alerts/{{alert}}/close": Expected(roles=CARE, json={"outcome": "test", "contact": "x"}),
    f"POST {V1}/alerts/{{alert}}/confirm": Expected(roles=CARE, answer=409, json={}),
    f"GET {V1}/events": Expected(roles=CARE | {"installer"}, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/quarantine": Expected(roles=FITTERS, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/sites": Expected(roles=LOOKERS | {"installer"}, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/watch/sites": Expected(roles=LOOKERS | {"installer"}, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/places": Expected(roles=LOOKERS | {"installer"}, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/devices": Expected(roles=LOOKERS | {"installer"}, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/residents": Expected(roles=CARE | {"family"}, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/contacts": Expected(roles=CARE, beyond=Beyond.LEFT_OUT),
    f"GET {V1}/sites/{{site}}": Expected(roles=LOOKERS | {"installer"}),
    f"GET {V1}/sites/{{site}}/places/{{place}}": Expected(roles=LOOKERS | {"installer"}),
    f"GET {V1}/sites/{{site}}/devices/{{device}}": Expected(roles=LOOKERS | {"installer"}),
    f"GET {V1}/residents/{{resident}}": Expected(roles=CARE | {"family"}),
    f"GET {V1}/contacts/{{contact}}": Expected(roles=CARE),
    f"POST {V1}/sites": Expected(roles=MANAGERS, answer=201, json={"code": "h7", "kind": "home", "street": "street-1"}),
    f"POST {V1}/places": Expected(roles=FITTERS, answer=201, json={"site": "h1", "code": "n", "kind": "room"}),
    f"POST {V1}/residents": Expected(roles=MANAGERS, answer=201, json={"site": "h1", "code": "n"}),
    f"POST {V1}/devices": Expected(roles=FITTERS, answer=201, json={"site": "h1", "code": "n", "kind": "gas"}),
    f"POST {V1}/contacts": Expected(roles=MANAGERS, answer=201, json={"resident": "r1", "id": "n"}),
    f"PATCH {V1}/sites/{{site}}": Expected(roles=MANAGERS, json={"name": "x"}),
    f"PATCH {V1}/sites/{{site}}/places/{{place}}": Expected(roles=FITTERS, json={"sealed": True}),
    f"PATCH {V1}/sites/{{site}}/devices/{{device}}": Expected(roles=FITTERS, json={"make": "x"}),
    f"PATCH {V1}/residents/{{resident}}": Expected(roles=MANAGERS, json={"name": "x"}),
    f"PATCH {V1}/contacts/{{contact}}": Expected(roles=MANAGERS, json={"name": "x"}),
    f"POST {V1}/sites/{{site}}/devices/{{device}}/credentials": Expected(
        roles=frozenset({"admin", "installer"}), answer=201
    ),
    f"POST {V1}/registry/import": Expected(roles=frozenset({"admin"}), beyond=Beyond.DISTRICT, toml=""),
    f"GET {V1}/rules": Expected(roles=CARE | {"bureau", "installer"}, beyond=Beyond.SAME),
    f"PUT {V1}/rules/{{code}}/overrides": Expected(roles=MANAGERS, beyond=Beyond.DISTRICT, json=[]),
    f"GET {V1}/watch": Expected(roles=DESK, beyond=Beyond.SAME),
    f"DELETE {V1}/contacts/{{contact}}": Expected(roles=MANAGERS),
    f"DELETE {V1}/residents/{{resident}}": Expected(roles=MANAGERS),
    f"DELETE {V1}/sites/{{site}}/devices/{{device}}": Expected(roles=FITTERS),
    f"DELETE {V1}/sites/{{site}}/places/{{place}}": Expected(roles=FITTERS),
    f"DELETE {V1}/sites/{{site}}": Expected(roles=MANAGERS),
    f"DELETE {V1}/session": Expected(roles=ALL, beyond=Beyond.SAME, answer=204),
}
GUARDED = {endpoint: wanted for endpoint, wanted in EXPECTED.items() if wanted.roles is not None}
_REFUSED_MESSAGE = b"""
INSERT INTO quarantine (received_at, topic, source, reason, payload, payload_size)
VALUES (now(), 'shouwang/v1/h1/sos-1/event', 'h1/sos-1', 'not_json', '{', 1)
"""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with homes_of(database_url) as homes:
        await homes.press()
        # With one connection in all, whoever holds it while waiting for another is answered 503.
        async with running_api(database_url, pool_size=1) as running:
            async with running.service.connection() as conn:
                await conn.execute(_REFUSED_MESSAGE)
            yield running


async def ask(api: Api, endpoint: str, headers: Headers, names: Mapping[str, str] = NAMES) -> httpx.Response:
    """Ask an endpoint for what is there, or with other names for what is not."""
    wanted = EXPECTED[endpoint]
    method, path = endpoint.split(" ")
    path = path.format_map({**names, "code": "D-03"}) + wanted.query
    if wanted.toml is not None:
        headers = {**headers, "Content-Type": "application/toml"}
        return await api.client.request(method, path, content=wanted.toml, headers=headers)
    return await api.client.request(method, path, json=_elsewhere(wanted.json, names), headers=headers)


def _elsewhere(json: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(json, dict) or names is NAMES:
        return json
    moved = {key: names.get(key, value) for key, value in json.items()}
    return moved | ({"street": "zz"} if "street" in json else {})


async def test_no_endpoint_is_forgotten(api: Api) -> None:
    """What the document has is expected here, and nothing else; its security says the same as this table."""
    document = (await api.client.get("/openapi.json")).json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == set(EXPECTED)
    assert {name for name, operation in operations.items() if "security" in operation} == set(GUARDED)


async def test_nobody(api: Api) -> None:
    """Without a token there is 401, but for the few that are open."""
    for endpoint, wanted in EXPECTED.items():
        answer = await ask(api, endpoint, {})
        assert answer.status_code == (wanted.answer if wanted.roles is None else 401), (endpoint, answer.text)
        if wanted.roles is not None:
            assert_problem(answer, 401, "unauthorized")


async def test_roles(api: Api) -> None:
    """Each role may what is its business, and is told 403 of all else, before anything is looked at."""
    proofs = {role: await api.bearer(role) for role in ROLES}
    for endpoint, wanted in GUARDED.items():
        may = [role for role in ROLES if role in (wanted.roles or ())]
        for role in ROLES:
            answer = await ask(api, endpoint, proofs[role])
            if role not in may:
                assert answer.status_code == 403, (endpoint, role, answer.text)
                assert_problem(answer, 403, "forbidden")
            elif role == may[0]:
                assert answer.status_code == wanted.answer, (endpoint, role, answer.text)
            else:  # the first may have used it up
                assert answer.status_code in {wanted.answer, 404, 409}, (endpoint, role, answer.text)


async def test_neighbours(api: Api) -> None:
    """What is a neighbour's is not there for anybody, not even by a difference in the words."""
    admin = await api.bearer("admin")
    for role in ROLES:
        proof = await api.bearer(role, NEIGHBOUR)
        for endpoint, wanted in GUARDED.items():
            if role not in (wanted.roles or ()):
                continue
            answer = await ask(api, endpoint, proof)
            await _judge(api, endpoint, answer, proof)
    for endpoint, wanted in GUARDED.items():
        if wanted.beyond is Beyond.LEFT_OUT:
            there = await ask(api, endpoint, admin)
            assert OURS.search(there.text), f"{endpoint} had nothing to leave out"


async def _judge(api: Api, endpoint: str, answer: httpx.Response, proof: Headers) -> None:
    wanted = EXPECTED[endpoint]
    match wanted.beyond:
        case Beyond.GONE:
            assert answer.status_code == 404, (endpoint, answer.text)
            assert_problem(answer, 404, "not-found")
            assert answer.json() == (await ask(api, endpoint, proof, NOWHERE)).json(), endpoint
        case Beyond.LEFT_OUT:
            assert answer.status_code == 200, (endpoint, answer.text)
            assert not OURS.search(answer.text), endpoint
        case Beyond.DISTRICT:
            assert answer.status_code == 403, (endpoint, answer.text)
        case Beyond.SAME:
            assert answer.status_code == wanted.answer, (endpoint, answer.text)


async def fed(api: Api, headers: Headers) -> str:
    """What the feed says from the beginning of the log until it is quiet."""
    said, quiet = bytearray(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await quiet.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.extend(message.get("body", b""))
        if b"keep-alive" in said:
            quiet.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": f"{V1}/alerts/feed", "raw_path": f"{V1}/alerts/feed".encode(), "query_string": b"last_event_id=0",
        "root_path": "", "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("desk.test", 80),
    }  # fmt: skip
    async with asyncio.timeout(20):
        await api.app(scope, receive, send)
    return said.decode()


async def test_feed_of_neighbours(api: Api) -> None:
    """The feed leaves out what is a neighbour's, for every role that may read it."""
    api.service.feed_times = FeedTimes(keep_alive=0.05)
    assert OURS.search(await fed(api, await api.bearer("admin")))
    for role in sorted(LOOKERS):
        said = await fed(api, await api.bearer(role, NEIGHBOUR))
        assert "keep-alive" in said, role
        assert not OURS.search(said), role
