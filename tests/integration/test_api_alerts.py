"""Alerts over the API: the queue, acts and their refusals, and what lies out of scope."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from devices.scope import Scope
from tests.api_parts import Api, Homes, assert_problem, homes_of, running_api

ALERTS = "/api/v1/alerts"
Headers = dict[str, str]


@pytest.fixture
async def homes(database_url: str) -> AsyncIterator[Homes]:
    async with homes_of(database_url) as watched:
        yield watched


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url) as running:
        yield running


@pytest.fixture
async def duty(api: Api) -> Headers:
    return await api.bearer("duty", name="desk-1")


async def pressed(api: Api, homes: Homes, headers: Headers, site: str = "h1") -> str:
    """The path of the alert of a new press."""
    await homes.press(f"{site}/sos-1")
    (alert,) = (await api.client.get(ALERTS, params={"site": site}, headers=headers)).json()["items"]
    return f"{ALERTS}/{alert['id']}"


async def test_alert_document(api: Api, homes: Homes, duty: Headers) -> None:
    """An alert has every key of the contract, with the site's offset in its times."""
    before = datetime.now(UTC)
    event = await homes.press()
    answer = await api.client.get(ALERTS, headers=duty)
    assert answer.status_code == 200
    (alert,) = answer.json()["items"]
    assert (
        alert.items()
        >= {
            "rule": "S-01",
            "severity": "P1",
            "condition": "active",
            "handling": "new",
            "site": "h1",
            "subject": {"kind": "resident", "code": "r1"},
            "resident": "r1",
            "claimed_by": None,
            "outcome": None,
            "occurrences": 1,
            "inhibits": [],
            "flags": [],
            "evidence": [event],
            "escalation": {"step": 0, "at": None},
        }.items()
    )
    assert set(alert["advice"]) == {"zh", "en"}
    assert 2 <= len(alert["advice"]["zh"]) <= 5
    assert alert["raised_at"].endswith("+08:00")
    assert abs(datetime.fromisoformat(alert["raised_at"]) - before) < timedelta(seconds=30)
    since, by = (datetime.fromisoformat(alert[name]) for name in ("severity_since", "respond_by"))
    assert (alert["severity_since"], by - since) == (alert["received_at"], timedelta(seconds=60))
    assert answer.json()["as_of"] == 1


async def test_detail(api: Api, homes: Homes, duty: Headers) -> None:
    """One alert comes with its occurrences, the events behind it and its log."""
    path = await pressed(api, homes, duty)
    await homes.press()
    await api.client.post(f"{path}/note", json={"note": "无人应答"}, headers=duty)
    detail = (await api.client.get(path, headers=duty)).json()
    assert [one["n"] for one in detail["occurrence_list"]] == [1, 2]
    assert [one["type"] for one in detail["events"]] == ["sos.pressed", "sos.pressed"]
    assert [(one["change"], one["by"], one["note"]) for one in detail["log"]] == [
        ("raised", "system", None),
        ("occurrence", "system", None),
        ("note", "desk-1", "无人应答"),
    ]


async def test_life(api: Api, homes: Homes, duty: Headers) -> None:
    """Claim, release, claim, propose, confirm by a second person: each answers with what it made of the alert."""
    path = await pressed(api, homes, duty)
    second = await api.bearer("supervisor")
    acts = [
        ("claim", {}, duty, "claimed"),
        ("claim", {}, duty, "claimed"),
        ("release", {}, duty, "new"),
        ("claim", {}, duty, "claimed"),
        ("close", {"outcome": "accidental", "contact": None, "note": "擦灰时误按"}, duty, "confirming"),
        ("confirm", {"contact": "王强"}, second, "closed"),
    ]
    for act, body, who, handling in acts:
        answer = await api.client.post(f"{path}/{act}", json=body, headers=who)
        assert (answer.status_code, answer.json()["handling"]) == (200, handling), answer.text


async def test_acts_without_body(api: Api, homes: Homes, duty: Headers) -> None:
    """What needs no words needs no body."""
    path = await pressed(api, homes, duty)
    assert (await api.client.post(f"{path}/claim", headers=duty)).status_code == 200
    assert (await api.client.post(f"{path}/release", headers=duty)).status_code == 200
    assert_problem(await api.client.post(f"{path}/close", headers=duty), 422, "outcome-needed")


async def test_one_holder(api: Api, homes: Homes, duty: Headers) -> None:
    """Twenty claims by five desks at once: one desk gets it, the others get 409 with its name."""
    path = await pressed(api, homes, duty)
    desks = [await api.bearer("duty", name=f"desk {n}") for n in range(5)]
    answers = await asyncio.gather(
        *(api.client.post(f"{path}/claim", json={}, headers=desks[n % 5]) for n in range(20))
    )
    won = {n % 5 for n, answer in enumerate(answers) if answer.status_code == 200}
    assert len(won) == 1
    holder = f"desk {won.pop()}"
    for answer in answers:
        if answer.status_code != 200:
            assert_problem(answer, 409, "held-by-another")
            assert answer.json()["holder"] == holder
    assert (await api.client.get(path, headers=duty)).json()["claimed_by"] == holder


@pytest.mark.parametrize(
    ("act", "body", "status", "code"),
    [
        ("release", {}, 409, "not-claimed"),
        ("confirm", {}, 409, "not-confirming"),
        ("close", {}, 422, "outcome-needed"),
        ("close", {"outcome": "fine"}, 422, "invalid"),
        ("close", {"outcome": "test", "contact": True}, 422, "invalid"),
        ("close", {"outcome": "test", "more": 1}, 422, "invalid"),
        ("close", [], 422, "invalid"),
        ("note", {}, 422, "invalid"),
        ("note", {"note": "  "}, 422, "note-needed"),
        ("note", {"note": "a\u0000b"}, 422, "invalid"),
        ("note", {"note": "x" * 4001}, 422, "invalid"),
        ("note", {"note": 7}, 422, "invalid"),
        ("escalate", {}, 404, "not-found"),
    ],
)
async def test_refused_act(
    *, api: Api, homes: Homes, duty: Headers, act: str, body: object, status: int, code: str
) -> None:
    """An act that may not be is refused by name and changes nothing."""
    path = await pressed(api, homes, duty)
    before = (await api.client.get(path, headers=duty)).json()
    assert_problem(await api.client.post(f"{path}/{act}", json=body, headers=duty), status, code)
    assert (await api.client.get(path, headers=duty)).json() == before


async def test_lone_surrogate(api: Api, homes: Homes, duty: Headers) -> None:
    """A text that is no Unicode is told so before the database is asked."""
    path = await pressed(api, homes, duty)
    json = {**duty, "Content-Type": "application/json"}
    answer = await api.client.post(f"{path}/note", content=b'{"note": "\\ud800"}', headers=json)
    assert_problem(answer, 422, "invalid")


async def test_broken_json(api: Api, homes: Homes, duty: Headers) -> None:
    """A body that is no JSON is a 400."""
    path = await pressed(api, homes, duty)
    json = {**duty, "Content-Type": "application/json"}
    for content in (b"{", b'{"note": NaN', b"\xff\xfe", b'{"note": ' + b"[" * 20_000):
        answer = await api.client.post(f"{path}/note", content=content, headers=json)
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_after_closing(api: Api, homes: Homes, duty: Headers) -> None:
    """A closed alert takes notes and nothing else."""
    path = await pressed(api, homes, duty)
    body = {"outcome": "accidental", "contact": "本人接听"}
    assert (await api.client.post(f"{path}/close", json=body, headers=duty)).json()["handling"] == "closed"
    assert_problem(await api.client.post(f"{path}/claim", headers=duty), 409, "already-closed")
    assert_problem(await api.client.post(f"{path}/close", json=body, headers=duty), 409, "already-closed")
    assert (await api.client.post(f"{path}/note", json={"note": "补记"}, headers=duty)).status_code == 200


@pytest.mark.parametrize(
    "scope", [Scope(sites=("h2",)), Scope(streets=("street-2",)), Scope(residents=("r2",)), Scope(sites=("nowhere",))]
)
async def test_out_of_scope(api: Api, homes: Homes, duty: Headers, scope: Scope) -> None:
    """What is out of scope is not there: not in lists, not by id, not for acts."""
    path = await pressed(api, homes, duty)
    stranger = await api.bearer("duty", scope)
    assert (await api.client.get(ALERTS, headers=stranger)).json()["items"] == []
    assert_problem(await api.client.get(path, headers=stranger), 404, "not-found")
    for act, body in (("claim", {}), ("note", {"note": "x"}), ("close", {"outcome": "test", "contact": "x"})):
        assert_problem(await api.client.post(f"{path}/{act}", json=body, headers=stranger), 404, "not-found")
    assert (await api.client.get(path, headers=duty)).json()["handling"] == "new"


@pytest.mark.parametrize("role", ["family", "bureau"])
async def test_who_only_looks(api: Api, homes: Homes, duty: Headers, role: str) -> None:
    """A family and the bureau see alerts and cannot act on them."""
    path = await pressed(api, homes, duty)
    headers = await api.bearer(role)
    assert (await api.client.get(path, headers=headers)).status_code == 200
    assert_problem(await api.client.post(f"{path}/claim", headers=headers), 403, "forbidden")


@pytest.mark.parametrize("role", ["installer", "device"])
async def test_who_sees_no_alerts(api: Api, role: str) -> None:
    """Installers and devices have no business with alerts."""
    assert_problem(await api.client.get(ALERTS, headers=await api.bearer(role)), 403, "forbidden")


@pytest.mark.parametrize("alert", ["0", "-1", "x", "1.5", "9" * 30, "99", "%00"])
async def test_no_such_alert(api: Api, duty: Headers, alert: str) -> None:
    """An id that is none is refused, whatever it looks like."""
    answer = await api.client.get(f"{ALERTS}/{alert}", headers=duty)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("handling=new", 2),
        ("handling=claimed", 0),
        ("handling=new&handling=claimed", 2),
        ("condition=active", 2),
        ("condition=cleared", 0),
        ("severity=P1", 2),
        ("severity=P2&severity=P3", 0),
        ("site=h2", 1),
        ("site=nowhere", 0),
        ("rule=S-01", 2),
        ("rule=D-03", 0),
        ("since=2020-01-01T00:00:00Z", 2),
        ("since=2120-01-01T00:00:00%2B08:00", 0),
    ],
)
async def test_filters(api: Api, homes: Homes, duty: Headers, query: str, count: int) -> None:
    """Each filter keeps what it says."""
    for site in ("h1", "h2"):
        await homes.press(f"{site}/sos-1")
    answer = await api.client.get(f"{ALERTS}?{query}", headers=duty)
    assert len(answer.json()["items"]) == count


@pytest.mark.parametrize(
    "query",
    [
        "handling=lost",
        "condition=",
        "severity=1",
        "site=a/b",
        "site=%00",
        "rule=x",
        "since=yesterday",
        "since=2026-11-23T00:00:00",
        "limit=0",
        "limit=501",
        "limit=x",
    ],
)
async def test_wrong_filter(api: Api, duty: Headers, query: str) -> None:
    """A filter that is none is told, never ignored."""
    answer = await api.client.get(f"{ALERTS}?{query}", headers=duty)
    assert_problem(answer, 422, "invalid")
    assert answer.json()["errors"][0]["at"].startswith("query.")


async def test_pages(api: Api, homes: Homes, duty: Headers) -> None:
    """Pages of one hold each alert once, and end."""
    for site in ("h1", "h2"):
        await homes.press(f"{site}/sos-1")
    seen, cursor = [], None
    for _ in range(3):
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(ALERTS, params=params, headers=duty)).json()
        seen += [alert["id"] for alert in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert cursor is None
    assert sorted(seen) == [1, 2]


@pytest.mark.parametrize("cursor", ["nonsense", "WyJvIl0", "WyJvLjEuMi4zLjQueCJd", "WzFd", "", "%00", "x" * 1024])
async def test_bad_cursor(api: Api, duty: Headers, cursor: str) -> None:
    """A cursor that the list never gave is a 400."""
    assert_problem(await api.client.get(f"{ALERTS}?cursor={cursor}", headers=duty), 400, "bad-cursor")
