"""The registry, credentials, rules and events over the API, and every wrong way to ask for them."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.routes.intake import IMPORT_LIMIT
from devices.scope import Scope
from tests.api_parts import Api, Homes, assert_problem, homes_of, running_api
from tests.homes import TWO_HOMES

V1 = "/api/v1"
IMPORT = f"{V1}/registry/import"
TOML = {"Content-Type": "application/toml"}
Headers = dict[str, str]


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url) as running:
        yield running


@pytest.fixture
async def homes(database_url: str) -> AsyncIterator[Homes]:
    async with homes_of(database_url) as watched:
        yield watched


@pytest.fixture
async def admin(api: Api) -> Headers:
    return await api.bearer("admin")


async def test_import(api: Api, admin: Headers) -> None:
    """A file is taken as a whole, and the second time nothing is new."""
    first = await api.client.post(IMPORT, content=TWO_HOMES.encode(), headers={**admin, **TOML})
    assert (first.status_code, first.json()) == (200, {"created": 9, "updated": 0, "unchanged": 0})
    with_charset = {**admin, "Content-Type": "application/toml; charset=utf-8"}
    again = await api.client.post(IMPORT, content=TWO_HOMES.encode(), headers=with_charset)
    assert again.json() == {"created": 0, "updated": 0, "unchanged": 9}


async def test_wrong_import(api: Api, admin: Headers) -> None:
    """Every problem of a file comes back with file, table, row and key, and nothing of it is taken."""
    text = (
        TWO_HOMES
        + '\n[[site]]\ncode = "a b"\nkind = "castle"\n[[device]]\nsite = "nowhere"\ncode = "x"\nkind = "motion"\n'
    )
    answer = await api.client.post(IMPORT, content=text.encode(), headers={**admin, **TOML})
    assert_problem(answer, 422, "registry-refused")
    told = {(e["file"], e["table"], e["index"], e["key"]) for e in answer.json()["errors"]}
    assert told == {
        ("request body", "site", 3, "code"),
        ("request body", "site", 3, "kind"),
        ("request body", "device", 4, "site"),
    }
    assert all(e["message"] for e in answer.json()["errors"])
    assert (await api.client.get(f"{V1}/sites", headers=admin)).json()["items"] == []


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"[[site", "application/toml", 422, "registry-refused"),
        (b"\xff\xfe", "application/toml", 422, "registry-refused"),
        (b"a = 1", "application/toml", 422, "registry-refused"),
        (b"x = " + b"[" * 5000, "application/toml", 422, "registry-refused"),
        (TWO_HOMES.encode(), "application/json", 415, "not-toml"),
        (TWO_HOMES.encode(), "text/plain", 415, "not-toml"),
        (b"#" * (IMPORT_LIMIT + 1), "application/toml", 413, "too-large"),
    ],
    ids=["broken", "no utf-8", "no table", "deep", "json", "text", "large"],
)
async def test_no_registry(*, api: Api, admin: Headers, content: bytes, kind: str, status: int, code: str) -> None:
    """What is no registry file is refused with its reason."""
    answer = await api.client.post(IMPORT, content=content, headers={**admin, "Content-Type": kind})
    assert_problem(answer, status, code)


async def test_empty_import(api: Api, admin: Headers) -> None:
    """An empty file is a file of nothing."""
    answer = await api.client.post(IMPORT, content=b"", headers={**admin, **TOML})
    assert answer.json() == {"created": 0, "updated": 0, "unchanged": 0}


async def test_import_needs_the_district(api: Api) -> None:
    """Only an admin of the whole district imports."""
    for headers in (await api.bearer("supervisor"), await api.bearer("admin", Scope(sites=("h1",)))):
        answer = await api.client.post(IMPORT, content=b"", headers={**headers, **TOML})
        assert_problem(answer, 403, "forbidden")


@pytest.mark.usefixtures("homes")
async def test_reading(api: Api, admin: Headers) -> None:
    """Lists and single rows have the keys of registry files."""
    for path, keys in [
        ("sites/h1", {"code", "kind", "name", "street", "community", "provider", "address", "timezone"}),
        ("sites/h1/places/door-1", {"site", "code", "kind", "role", "sealed", "open_hours"}),
        ("residents/r1", {"code", "site", "bed", "name", "flags", "presence", "care"}),
        ("contacts/c1", {"id", "resident", "name", "relation", "order", "phone", "channels", "language"}),
    ]:
        answer = await api.client.get(f"{V1}/{path}", headers=admin)
        assert (answer.status_code, set(answer.json())) == (200, keys)
    device = (await api.client.get(f"{V1}/sites/h1/devices/sos-1", headers=admin)).json()
    assert (device["kind"], device["resident"], device["state"]["liveness"]) == ("sos_button", "r1", "unknown")
    for path, count in [("sites", 2), ("places", 1), ("residents", 2), ("devices", 3), ("contacts", 1)]:
        page = (await api.client.get(f"{V1}/{path}", headers=admin)).json()
        assert (len(page["items"]), page["next"]) == (count, None)


@pytest.mark.usefixtures("homes")
async def test_registry_pages(api: Api, admin: Headers) -> None:
    """Pages of one reach every device once."""
    seen, cursor = [], None
    while True:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(f"{V1}/devices", params=params, headers=admin)).json()
        seen += [(device["site"], device["code"]) for device in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [("h1", "sos-1"), ("h1", "mag-1"), ("h2", "sos-1")]


@pytest.mark.usefixtures("homes")
async def test_care_record(api: Api) -> None:
    """Care records are for those who go to the door; contacts are not for the bureau."""
    path = f"{V1}/residents/r1"
    assert (await api.client.get(path, headers=await api.bearer("duty"))).json()["care"]["key_notes"] == "under the pot"
    family = await api.bearer("family", Scope(residents=("r1",)))
    assert (await api.client.get(path, headers=family)).json()["care"] is None
    for path in ("contacts", "contacts/c1", "residents"):
        assert_problem(await api.client.get(f"{V1}/{path}", headers=await api.bearer("bureau")), 403, "forbidden")


@pytest.mark.usefixtures("homes")
@pytest.mark.parametrize(
    "path",
    ["sites/h1", "sites/h1/places/door-1", "sites/h1/devices/sos-1", "residents/r1", "contacts/c1", "sites/nowhere"],
)
async def test_registry_out_of_scope(api: Api, path: str) -> None:
    """What lies in another home does not exist, like what does not exist."""
    stranger = await api.bearer("duty", Scope(sites=("h2",)))
    assert_problem(await api.client.get(f"{V1}/{path}", headers=stranger), 404, "not-found")


@pytest.mark.usefixtures("homes")
async def test_credentials(api: Api, admin: Headers) -> None:
    """Credentials are a user name that the contract fixes and a password of 128 bits, new each time."""
    path = f"{V1}/sites/h1/devices/sos-1/credentials"
    first, second = [(await api.client.post(path, headers=admin)) for _ in range(2)]
    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    assert first.json()["username"] == second.json()["username"] == "h1:sos-1"
    assert first.json()["password"] != second.json()["password"]
    assert len(base64.urlsafe_b64decode(first.json()["password"] + "==")) == 16


@pytest.mark.usefixtures("homes")
async def test_credentials_refused(api: Api, admin: Headers) -> None:
    """No device, no credentials; and none for who may not, or whose scope does not reach it."""
    path = f"{V1}/sites/h1/devices/sos-1/credentials"
    assert_problem(await api.client.post(path.replace("sos-1", "sos-9"), headers=admin), 404, "not-found")
    assert_problem(await api.client.post(path, headers=await api.bearer("duty")), 403, "forbidden")
    stranger = await api.bearer("installer", Scope(sites=("h2",)))
    assert_problem(await api.client.post(path, headers=stranger), 404, "not-found")
    assert_problem(await api.client.post(path), 401, "unauthorized")


@pytest.mark.usefixtures("homes")
async def test_rules(api: Api, admin: Headers) -> None:
    """Rules come with their version; new overrides are a new version, and are shown."""
    path = f"{V1}/rules"
    before = {rule["code"]: rule for rule in (await api.client.get(path, headers=admin)).json()["items"]}
    assert {"S-01", "D-03", "H-04"} <= set(before)
    wanted = [{"scope": "*", "set": {"after": "5min"}}, {"scope": "place:h1/door-1", "enabled": False}]
    answer = await api.client.put(f"{path}/D-03/overrides", json=wanted, headers=admin)
    assert (answer.status_code, answer.json()) == (200, {"code": "D-03", "version": before["D-03"]["version"] + 1})
    after = {rule["code"]: rule for rule in (await api.client.get(path, headers=admin)).json()["items"]}
    assert after["D-03"]["overrides"] == [
        {"scope": "*", "set": {"after": "5min"}},
        {"scope": "place:h1/door-1", "set": {}, "enabled": False},
    ]
    assert after["S-01"] == before["S-01"]


def escaped(body: object, headers: Headers) -> dict[str, Any]:
    """A JSON body in ASCII, in which half a surrogate pair can stand."""
    return {"content": json.dumps(body), "headers": {**headers, "content-type": "application/json"}}


@pytest.mark.usefixtures("homes")
@pytest.mark.parametrize(
    ("override", "key"),
    [
        ({"scope": "*", "set": {"afterwards": "5min"}}, "set.afterwards"),
        ({"scope": "*", "set": {"after": "5 minutes"}}, "set.after"),
        ({"scope": "*", "set": {"after": 5}}, "set.after"),
        ({"scope": "home:h1", "set": {}}, "scope"),
        ({"scope": "site:nowhere", "set": {}}, "scope"),
        ({"scope": "site:\ud800", "set": {}}, "scope"),
        ({"scope": "site:h1\u0000", "set": {}}, "scope"),
        ({"scope": "site:h1/door-1", "set": {}}, "scope"),
        ({"scope": "*", "set": {}, "enabled": "no"}, "enabled"),
        ({"scope": "*", "colour": "red"}, "colour"),
        ({"set": {}}, "scope"),
    ],
)
async def test_wrong_override(api: Api, admin: Headers, override: object, key: str) -> None:
    """An unknown key, a bad unit, a scope that is none: told by rule, place and key, and nothing changes."""
    path = f"{V1}/rules"
    before = (await api.client.get(path, headers=admin)).json()
    answer = await api.client.put(f"{path}/D-03/overrides", **escaped([override], admin))
    assert_problem(answer, 422, "overrides-refused")
    assert [(e["rule"], e["index"], e["key"]) for e in answer.json()["errors"]] == [("D-03", 0, key)]
    assert (await api.client.get(path, headers=admin)).json() == before


@pytest.mark.usefixtures("homes")
@pytest.mark.parametrize("form", ["list", "file", "alone"])
async def test_overrides_come_in_three_forms(api: Api, admin: Headers, form: str) -> None:
    """A list, a file's content and one alone mean the same."""
    row = {"rule": "D-03", "scope": "*", "set": {"after": "5min"}}
    body = {"list": [row], "file": {"override": [row]}, "alone": row}[form]
    answer = await api.client.put(f"{V1}/rules/D-03/overrides", json=body, headers=admin)
    assert answer.status_code == 200
    rules = (await api.client.get(f"{V1}/rules", headers=admin)).json()["items"]
    assert [r["overrides"] for r in rules if r["code"] == "D-03"] == [[{"scope": "*", "set": {"after": "5min"}}]]


@pytest.mark.usefixtures("homes")
async def test_overrides_refused(api: Api, admin: Headers) -> None:
    """No such rule; no list; not your business."""
    path = f"{V1}/rules/D-03/overrides"
    assert_problem(await api.client.put(path.replace("D-03", "D-99"), json=[], headers=admin), 404, "not-found")
    assert_problem(await api.client.put(path, json="*", headers=admin), 422, "invalid")
    assert_problem(await api.client.put(path, json=["*"], headers=admin), 422, "invalid")
    half = [{"scope": "*", "set": {"\ud800": 1}}]
    assert_problem(await api.client.put(path, **escaped(half, admin)), 422, "overrides-refused")
    for headers in (await api.bearer("duty"), await api.bearer("supervisor", Scope(sites=("h1",)))):
        assert_problem(await api.client.put(path, json=[], headers=headers), 403, "forbidden")


async def test_events(api: Api, homes: Homes, admin: Headers) -> None:
    """An event has the contract's keys; a value that was not given is null."""
    press = await homes.happen("h1/sos-1", "sos.pressed", id="p1")
    opened = await homes.happen("h1/mag-1", "door.opened", value=1.5, unit="m")
    listed = (await api.client.get(f"{V1}/events", headers=admin)).json()["items"]
    assert [event["id"] for event in listed] == [opened, press]
    assert set(listed[0]) == {
        "id", "device_event_id", "site", "device", "type", "at", "received_at", "value", "unit", "flags",
    }  # fmt: skip
    assert (listed[0]["value"], listed[0]["unit"], listed[0]["device_event_id"]) == (1.5, "m", None)
    assert (listed[1]["value"], listed[1]["type"], listed[1]["device_event_id"]) == (None, "sos.pressed", "p1")
    assert listed[1]["at"].endswith("+08:00")


async def test_event_filters(api: Api, homes: Homes, admin: Headers) -> None:
    """Site, device, times and pages narrow the list of events, each as it says."""
    now = datetime.now(UTC)
    ids = [
        await homes.happen(device, what, at=now + timedelta(seconds=n))
        for n, (device, what) in enumerate(
            [("h1/sos-1", "sos.pressed"), ("h1/mag-1", "door.opened"), ("h2/sos-1", "sos.pressed")]
        )
    ]
    later = (now + timedelta(seconds=1)).isoformat()
    for params, wanted in [
        ({"site": "h1"}, [1, 0]),
        ({"device": "sos-1"}, [2, 0]),
        ({"site": "h1", "device": "sos-1"}, [0]),
        ({"since": later}, [2, 1]),
        ({"until": later}, [0]),
        ({"site": "h1", "since": later}, [1]),
        ({"site": "nowhere"}, []),
    ]:
        answer = await api.client.get(f"{V1}/events", params=params, headers=admin)
        assert [event["id"] for event in answer.json()["items"]] == [ids[n] for n in wanted], params
    stranger = await api.bearer("duty", Scope(streets=("street-2",)))
    for params in ({}, {"site": "h2"}, {"device": "sos-1"}):
        answer = await api.client.get(f"{V1}/events", params=params, headers=stranger)
        assert [event["id"] for event in answer.json()["items"]] == [ids[2]]


@pytest.mark.parametrize("filters", [{}, {"site": "h1"}])
async def test_event_pages(api: Api, homes: Homes, admin: Headers, filters: dict[str, str]) -> None:
    """Pages reach every event once though new ones come meanwhile."""
    ids = [await homes.press() for _ in range(5)]
    seen, cursor = [], None
    while True:
        params = {"limit": "2", **filters} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(f"{V1}/events", params=params, headers=admin)).json()
        seen += [event["id"] for event in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        await homes.press()
    assert seen == ids[::-1]


async def test_event_at_the_end_of_time(api: Api, homes: Homes, admin: Headers) -> None:
    """A device whose clock stands in the last hour of the calendar is shown all the same."""
    await homes.press()
    async with api.service.connection() as conn:
        await conn.execute("UPDATE event SET at = '9999-12-31 23:59:59+00'")
    (event,) = (await api.client.get(f"{V1}/events", headers=admin)).json()["items"]
    assert event["at"].startswith("9999-12-31T23:59:59")


@pytest.mark.parametrize(
    "query", ["since=now", "until=2026-01-01", "site=%00", "device=a/b", "limit=-1", "cursor=x", "since=1e400"]
)
async def test_wrong_event_query(api: Api, admin: Headers, query: str) -> None:
    """A query that is none is told."""
    answer = await api.client.get(f"{V1}/events?{query}", headers=admin)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


PUT_ASIDE = """
INSERT INTO quarantine (received_at, topic, source, reason, payload, payload_size)
VALUES (now(), %(topic)s, %(source)s, %(reason)s, %(payload)s, %(size)s)
"""


async def put_aside(api: Api, site: str, reason: str, payload: bytes) -> None:
    source = f"{site}/x"
    row = {"topic": f"shouwang/v1/{source}/event", "source": source, "reason": reason, "payload": payload[:4096]}
    async with api.service.connection() as conn:
        await conn.execute(PUT_ASIDE.encode(), {**row, "size": len(payload)})


@pytest.mark.usefixtures("homes")
async def test_quarantine(api: Api, admin: Headers) -> None:
    """What could not be taken is shown as text where it is text, also where the cut split a character."""
    for payload in (b"{not json", b"\xff{not json", ("啊" * 2000).encode()):
        await put_aside(api, "h1", "not_json", payload)
    cut, binary, text = (await api.client.get(f"{V1}/quarantine", headers=admin)).json()["items"]
    assert (text["payload"], text["encoding"], text["payload_size"]) == ("{not json", "utf-8", 9)
    assert (base64.b64decode(binary["payload"]), binary["encoding"]) == (b"\xff{not json", "base64")
    assert (cut["payload"], cut["encoding"], cut["payload_size"]) == ("啊" * 1365, "utf-8", 6000)


@pytest.mark.usefixtures("homes")
async def test_quarantine_scope(api: Api) -> None:
    """An installer sees what names a site of theirs; the duty desk has no business with payloads."""
    for site in ("h1", "h2", "nowhere"):
        await put_aside(api, site, "unknown_device", b"{}")
    installer = await api.bearer("installer", Scope(sites=("h2",)))
    listed = (await api.client.get(f"{V1}/quarantine", headers=installer)).json()["items"]
    assert [one["topic"] for one in listed] == ["shouwang/v1/h2/x/event"]
    assert_problem(await api.client.get(f"{V1}/quarantine", headers=await api.bearer("duty")), 403, "forbidden")
