"""The registry over the API, row by row: statuses, merge patches, refusals, and what a removal says that it ended."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from devices.credentials import broker_users, issue
from devices.scope import Scope
from store.head import read_input
from tests.api_parts import Api, Homes, assert_problem, homes_of, running_api

V1 = "/api/v1"
Headers = dict[str, str]

NEW: dict[str, tuple[str, dict[str, Any], str]] = {
    "site": ("/sites", {"code": "h9", "kind": "home", "street": "street-1"}, "/sites/h9"),
    "place": ("/places", {"site": "h1", "code": "bed-1", "kind": "bed"}, "/sites/h1/places/bed-1"),
    "resident": ("/residents", {"code": "r9", "site": "h1", "flags": ["dementia"]}, "/residents/r9"),
    "device": ("/devices", {"site": "h1", "code": "cam-1", "kind": "camera"}, "/sites/h1/devices/cam-1"),
    "contact": ("/contacts", {"id": "c9", "resident": "r1", "order": 2}, "/contacts/c9"),
}
OLD = {
    "site": "/sites/h1",
    "place": "/sites/h1/places/door-1",
    "resident": "/residents/r1",
    "device": "/sites/h1/devices/sos-1",
    "contact": "/contacts/c1",
}
PATCHES: dict[str, dict[str, Any]] = {
    "site": {"name": "王家"},
    "place": {"role": "entrance"},
    "resident": {"presence": "hospital"},
    "device": {"make": "acme"},
    "contact": {"phone": "13911111111"},
}
TABLES = list(NEW)


@pytest.fixture
async def homes(database_url: str) -> AsyncIterator[Homes]:
    async with homes_of(database_url) as watched:
        yield watched


@pytest.fixture
async def api(database_url: str, homes: Homes) -> AsyncIterator[Api]:  # noqa: ARG001 -- the import comes first
    async with running_api(database_url) as running:
        yield running


@pytest.fixture
async def admin(api: Api) -> Headers:
    return await api.bearer("admin", name="the admin")


async def told(api: Api) -> list[dict[str, Any]]:
    """The bodies of the log's registry entries since the import."""
    async with api.service.connection() as conn:
        return [entry.body for entry in await read_input(conn, 0) if entry.kind == "registry"][1:]


@pytest.mark.parametrize("table", TABLES)
async def test_created(api: Api, admin: Headers, table: str) -> None:
    """201, the document that a GET gives, and where that is; the engine is told, of contacts nothing."""
    path, body, location = NEW[table]
    answer = await api.client.post(V1 + path, json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == V1 + location
    assert answer.json().items() >= body.items()
    assert (await api.client.get(V1 + location, headers=admin)).json() == answer.json()
    entries = await told(api)
    if table == "contact":
        assert entries == []
    else:
        (entry,) = entries
        assert (entry["by"], list(entry["upsert"]), entry["remove"]) == ("the admin", [table], {})


@pytest.mark.parametrize("table", TABLES)
async def test_taken(api: Api, admin: Headers, table: str) -> None:
    """A code is given once."""
    path, body, _ = NEW[table]
    await api.client.post(V1 + path, json=body, headers=admin)
    before = await told(api)
    assert_problem(await api.client.post(V1 + path, json=body, headers=admin), 409, "taken")
    assert await told(api) == before


@pytest.mark.parametrize("table", TABLES)
async def test_changed(api: Api, admin: Headers, table: str) -> None:
    """What a patch names changes, all else stays; the same patch again writes nothing."""
    before = (await api.client.get(V1 + OLD[table], headers=admin)).json()
    answer = await api.client.patch(V1 + OLD[table], json=PATCHES[table], headers=admin)
    assert (answer.status_code, answer.json()) == (200, before | PATCHES[table])
    entries = await told(api)
    assert len(entries) == (0 if table == "contact" else 1)
    assert (await api.client.patch(V1 + OLD[table], json=PATCHES[table], headers=admin)).json() == answer.json()
    assert await told(api) == entries


async def test_null_clears(api: Api, admin: Headers) -> None:
    """A null gives the default back, also within the care record; a heartbeat's is that of the kind."""
    await api.client.patch(f"{V1}/residents/r1", json={"care": {"entry_notes": "bell"}}, headers=admin)
    answer = await api.client.patch(
        f"{V1}/residents/r1", json={"name": None, "care": {"key_notes": None}}, headers=admin
    )
    assert (answer.json()["name"], answer.json()["care"]) == ("", {"entry_notes": "bell"})
    path = f"{V1}/sites/h1/devices/sos-1"
    assert (await api.client.patch(path, json={"heartbeat": "12h"}, headers=admin)).json()["heartbeat"] == "12h"
    assert (await api.client.patch(path, json={"kind": "camera"}, headers=admin)).json()["heartbeat"] == "12h"
    assert (await api.client.patch(path, json={"heartbeat": None}, headers=admin)).json()["heartbeat"] == "1min"
    assert (await api.client.patch(path, json={"kind": "sos_button"}, headers=admin)).json()["heartbeat"] is None


async def test_merge_patch_media_type(api: Api, admin: Headers) -> None:
    """RFC 7396's own media type is taken too."""
    headers = {**admin, "Content-Type": "application/merge-patch+json"}
    answer = await api.client.patch(f"{V1}/sites/h1", content=b'{"name": "x"}', headers=headers)
    assert answer.json()["name"] == "x"


WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/sites", {"code": "h9"}, "kind"),
    ("POST", "/sites", {"code": "h 9", "kind": "home"}, "code"),
    ("POST", "/sites", {"code": "h9", "kind": "home", "timezone": "Mars/Base"}, "timezone"),
    ("POST", "/sites", {"code": "h9", "kind": "home", "colour": "red"}, "colour"),
    ("POST", "/sites", {"code": "h9", "kind": "home", "name": "x" * 1001}, "name"),
    ("POST", "/places", {"site": "h1", "code": "x", "kind": "door", "open_hours": ["08:00-08:00"]}, "open_hours"),
    ("POST", "/residents", {"code": "r9", "site": "h1", "bed": "door-1"}, "bed"),
    ("POST", "/devices", {"site": "h1", "code": "x", "kind": "motion", "place": "nowhere"}, "place"),
    ("POST", "/devices", {"site": "h1", "code": "x", "kind": "motion", "resident": "r2"}, "resident"),
    ("POST", "/devices", {"site": "h1", "code": "x", "kind": "motion", "gateway": "sos-1"}, "gateway"),
    ("POST", "/devices", {"site": "h1", "code": "x", "kind": "camera", "heartbeat": "9999d"}, "heartbeat"),
    ("POST", "/contacts", {"id": "c9", "resident": "r1", "order": -1}, "order"),
    ("PATCH", "/sites/h1", {"kind": None}, "kind"),
    ("PATCH", "/sites/h1", {"code": "h3"}, "code"),
    ("PATCH", "/sites/h1/devices/mag-1", {"resident": "r1"}, "resident"),
    ("PATCH", "/residents/r1", {"care": {"shoe_size": "44"}}, "shoe_size"),
]


async def test_wrong(api: Api, admin: Headers) -> None:
    """What a file may not say, the API may not; `errors` name the key, and nothing is changed."""
    for method, path, body, key in WRONG:
        answer = await api.client.request(method, V1 + path, json=body, headers=admin)
        assert answer.status_code == 422, (body, answer.text)
        assert key in answer.json()["errors"][0]["at"].split("."), (body, answer.text)
    assert await told(api) == []


async def test_contradiction(api: Api, admin: Headers) -> None:
    """A resident does not move while a device of the old site is theirs."""
    answer = await api.client.patch(f"{V1}/residents/r1", json={"site": "h2"}, headers=admin)
    assert_problem(answer, 422, "registry-refused")
    assert answer.json()["errors"][0]["table"] == "device"
    assert (await api.client.get(f"{V1}/residents/r1", headers=admin)).json()["site"] == "h1"


async def test_removed_site(api: Api, homes: Homes, admin: Headers) -> None:
    """With a site goes all that is in it; its history stays and can be read, and the answer counts all of it."""
    event = await homes.press()
    async with api.service.connection() as conn:
        await issue(conn, site="h1", device="sos-1", now=api.clock())
    answer = await api.client.delete(f"{V1}/sites/h1", headers=admin)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("at")
    assert body == {
        "removed": {"kind": "site", "site": None, "code": "h1"},
        "history_kept": True,
        "watch_ended": {"sites": 1, "places": 1, "residents": 1, "devices": 2, "contacts": 1},
        "detached": {"residents": 0, "devices": 0},
        "credentials_ended": 1,
        "open_alerts": 1,
    }
    for path in OLD.values():
        assert_problem(await api.client.get(V1 + path, headers=admin), 404, "not-found")
    (alert,) = (await api.client.get(f"{V1}/alerts", headers=admin)).json()["items"]
    assert (alert["site"], alert["resident"], alert["evidence"]) == ("h1", "r1", [event])
    assert (await api.client.get(f"{V1}/events?site=h1", headers=admin)).json()["items"][0]["id"] == event
    closing = {"outcome": "test", "contact": "王强"}
    closed = await api.client.post(f"{V1}/alerts/{alert['id']}/close", json=closing, headers=admin)
    assert closed.json()["handling"] == "closed"


async def test_removed_resident(api: Api, homes: Homes, admin: Headers) -> None:
    """Devices of a removed resident are watched on: a press is then the site's."""
    body = (await api.client.delete(f"{V1}/residents/r1", headers=admin)).json()
    assert body["watch_ended"] == {"sites": 0, "places": 0, "residents": 1, "devices": 0, "contacts": 1}
    assert body["detached"] == {"residents": 0, "devices": 1}
    assert (await api.client.get(f"{V1}/sites/h1/devices/sos-1", headers=admin)).json()["resident"] is None
    await homes.press()
    (alert,) = (await api.client.get(f"{V1}/alerts", headers=admin)).json()["items"]
    assert alert["subject"] == {"kind": "site", "code": "h1"}


async def test_removed_place(api: Api, admin: Headers) -> None:
    """Who has a removed bed, and what hangs at a removed door, stays without it."""
    await api.client.post(f"{V1}/places", json={"site": "h1", "code": "bed-1", "kind": "bed"}, headers=admin)
    await api.client.patch(f"{V1}/residents/r1", json={"bed": "bed-1"}, headers=admin)
    beds = (await api.client.delete(f"{V1}/sites/h1/places/bed-1", headers=admin)).json()
    doors = (await api.client.delete(f"{V1}/sites/h1/places/door-1", headers=admin)).json()
    assert (beds["detached"], doors["detached"]) == ({"residents": 1, "devices": 0}, {"residents": 0, "devices": 1})
    assert (await api.client.get(f"{V1}/residents/r1", headers=admin)).json()["bed"] is None
    assert (await api.client.get(f"{V1}/sites/h1/devices/mag-1", headers=admin)).json()["place"] is None


@pytest.mark.parametrize("table", TABLES)
async def test_removed_twice(api: Api, admin: Headers, table: str) -> None:
    """What is removed is not there to be changed or removed."""
    assert (await api.client.delete(V1 + OLD[table], headers=admin)).status_code == 200
    assert_problem(await api.client.delete(V1 + OLD[table], headers=admin), 404, "not-found")
    assert_problem(await api.client.patch(V1 + OLD[table], json=PATCHES[table], headers=admin), 404, "not-found")


async def test_revived_device(api: Api, admin: Headers) -> None:
    """A code that comes back is the same device with its history, and its old password stays ended."""
    path, now = f"{V1}/sites/h1/devices/sos-1", api.clock()
    async with api.service.connection() as conn:
        old = await issue(conn, site="h1", device="sos-1", now=now)
        await api.client.delete(path, headers=admin)
        version, users = await broker_users(conn)
        assert (version > old.version, users) == (True, [])
        body = {"site": "h1", "code": "sos-1", "kind": "sos_button", "resident": "r1"}
        assert (await api.client.post(f"{V1}/devices", json=body, headers=admin)).status_code == 201
        assert (await broker_users(conn))[1] == []
    removed, revived = await told(api)
    assert removed["remove"]["device"] == [revived["upsert"]["device"][0]["id"]]
    fresh = await api.client.post(f"{path}/credentials", headers=admin)
    assert fresh.json()["password"] != old.password


REACH: list[tuple[Scope, str, str, Any, int]] = [
    (Scope(streets=("street-1",)), "POST", "/sites", {"code": "h9", "kind": "home", "street": "street-2"}, 404),
    (Scope(streets=("street-1",)), "PATCH", "/sites/h1", {"street": "street-2"}, 404),
    (Scope(sites=("h1",)), "PATCH", "/residents/r1", {"site": "h2"}, 404),
    (Scope(sites=("h1",)), "PATCH", "/contacts/c1", {"resident": "r2"}, 404),
    (Scope(sites=("h1",)), "POST", "/contacts", {"id": "c9", "resident": "r2"}, 404),
    (Scope(sites=("h1",)), "POST", "/contacts", {"id": "c9", "resident": "nobody"}, 404),
    (Scope(sites=("h1",)), "POST", "/devices", {"site": "h2", "code": "x", "kind": "gas"}, 404),
    (Scope(residents=("r1",)), "PATCH", "/sites/h1", {"name": "x"}, 403),
    (Scope(residents=("r1",)), "DELETE", "/sites/h1/places/door-1", None, 403),
    (Scope(residents=("r1",)), "PATCH", "/sites/h1/devices/mag-1", {"make": "x"}, 403),
    (Scope(residents=("r1",)), "PATCH", "/sites/h1/devices/sos-1", {"resident": None}, 403),
    (Scope(residents=("r1",)), "PATCH", "/residents/r1", {"site": "h2"}, 404),
    (Scope(residents=("r9",)), "POST", "/residents", {"code": "r9", "site": "h1"}, 404),
    (Scope(streets=("street-1",)), "POST", "/sites", {"code": "h9", "kind": "home", "street": "street-1"}, 201),
    (Scope(residents=("r1",)), "PATCH", "/residents/r1", {"name": "x"}, 200),
    (Scope(residents=("r1",)), "PATCH", "/sites/h1/devices/sos-1", {"make": "x"}, 200),
    (Scope(residents=("r1",)), "PATCH", "/contacts/c1", {"name": "x"}, 200),
    (Scope(sites=("h1",)), "PATCH", "/sites/h1", {"street": "street-2"}, 200),
]


async def test_scopes(api: Api) -> None:
    """Nobody changes, makes or moves a row beyond their scope; within it they may."""
    for scope, method, path, body, status in REACH:
        headers = await api.bearer("supervisor", scope)
        answer = await api.client.request(method, V1 + path, json=body, headers=headers)
        assert answer.status_code == status, (scope, body, answer.text)


async def test_a_neighbours_past_stays_there(api: Api, admin: Headers) -> None:
    """A code that was another's in its time is taken for those to whom that one did not belong."""
    mine = await api.bearer("supervisor", Scope(streets=("street-1",)))
    resident, site = {"code": "r2", "site": "h1"}, {"code": "h2", "kind": "home", "street": "street-1"}
    await api.client.delete(f"{V1}/residents/r2", headers=admin)
    assert_problem(await api.client.post(f"{V1}/residents", json=resident, headers=mine), 409, "taken")
    await api.client.delete(f"{V1}/sites/h2", headers=admin)
    assert_problem(await api.client.post(f"{V1}/sites", json=site, headers=mine), 409, "taken")
    assert (await api.client.post(f"{V1}/residents", json=resident, headers=admin)).status_code == 201


async def test_no_hint_of_a_neighbour(api: Api) -> None:
    """A resident of another site and one that never was look alike to an installer of one site."""
    headers = await api.bearer("installer", Scope(sites=("h1",)))
    said = [
        (await api.client.patch(f"{V1}/sites/h1/devices/mag-1", json={"place": None, "resident": who}, headers=headers))
        .text.replace(who, "?")
        for who in ("r2", "r99")
    ]  # fmt: skip
    assert said[0] == said[1]
