"""The registry over scopes, pages and as a file."""

import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.reading import (
    Page,
    get_contact,
    get_device,
    get_place,
    get_resident,
    get_site,
    list_contacts,
    list_devices,
    list_places,
    list_residents,
    list_sites,
)
from devices.registry import import_registry
from devices.registry_export import export_registry
from devices.scope import Scope
from store.pool import Connection, Pool

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REGISTRY = r"""
[[site]]
code = "h1"
kind = "home"
name = "王\"家\"\\ \u007f\n二楼"
street = "一"
[[site]]
code = "i1"
kind = "institution"
street = "二"
timezone = "Asia/Urumqi"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "entrance"
sealed = true
open_hours = []
[[place]]
site = "i1"
code = "bed-1"
kind = "bed"
[[place]]
site = "i1"
code = "bed-2"
kind = "bed"
[[resident]]
code = "r1"
site = "h1"
flags = ["dementia"]
[resident.care]
conditions = ["一", "二"]
entry_notes = "'\"'"
[[resident]]
code = "r2"
site = "i1"
bed = "bed-1"
presence = "hospital"
[[resident]]
code = "r3"
site = "i1"
bed = "bed-2"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
[[device]]
site = "h1"
code = "gw-1"
kind = "gateway"
make = "zigbee2mqtt"
power = "mains"
heartbeat = "0s"
[[device]]
site = "i1"
code = "mat-1"
kind = "bed_sensor"
place = "bed-1"
heartbeat = "90s"
[[device]]
site = "i1"
code = "mat-2"
kind = "bed_sensor"
place = "bed-2"
[[device]]
site = "i1"
code = "sos-2"
kind = "sos_button"
resident = "r2"
[[device]]
site = "i1"
code = "cam-1"
kind = "camera"
[[contact]]
id = "c2"
resident = "r2"
order = 0
phone = "138"
language = "en"
channels = ["sms"]
[[contact]]
id = "c1"
resident = "r1"
"""


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as opened:
        await import_registry(opened, REGISTRY, file="f", by="tester", now=NOW)
        yield opened


def codes(page: Page) -> list[str]:
    return [item.get("code") or item["id"] for item in page.items]


async def seen(conn: Connection, scope: Scope) -> dict[str, list[str]]:
    lists = (list_sites, list_places, list_residents, list_devices, list_contacts)
    return {read.__name__.removeprefix("list_"): codes(await read(conn, scope)) for read in lists}


EVERYTHING = {
    "sites": ["h1", "i1"],
    "places": ["door-1", "bed-1", "bed-2"],
    "residents": ["r1", "r2", "r3"],
    "devices": ["mag-1", "gw-1", "mat-1", "mat-2", "sos-2", "cam-1"],
    "contacts": ["c2", "c1"],
}
OF_H1 = {
    "sites": ["h1"],
    "places": ["door-1"],
    "residents": ["r1"],
    "devices": ["mag-1", "gw-1"],
    "contacts": ["c1"],
}
OF_R2 = {
    "sites": ["i1"],
    "places": ["bed-1"],
    "residents": ["r2"],
    "devices": ["mat-1", "sos-2"],
    "contacts": ["c2"],
}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope.DISTRICT, EVERYTHING),
        (Scope(streets=("一",)), OF_H1),
        (Scope(sites=("h1",)), OF_H1),
        (Scope(residents=("r1",)), OF_H1),
        (Scope(residents=("r2",)), OF_R2),
        (Scope(sites=("h1", "i1")), EVERYTHING),
        (Scope(sites=("nowhere",)), {table: [] for table in EVERYTHING}),
    ],
)
async def test_scopes(conn: Connection, scope: Scope, expected: dict[str, list[str]]) -> None:
    """Each list ends where the scope ends; a resident of an institution brings only what is theirs."""
    assert await seen(conn, scope) == expected


async def test_one_row_keeps_to_the_scope(conn: Connection) -> None:
    """What is out of scope is not there, like what never was."""
    narrow = Scope(sites=("h1",))
    assert await get_site(conn, narrow, "i1") is None
    assert await get_place(conn, narrow, "i1", "bed-1") is None
    assert await get_resident(conn, narrow, "r2") is None
    assert await get_device(conn, narrow, "i1", "cam-1") is None
    assert await get_contact(conn, narrow, "c2") is None
    assert await get_device(conn, Scope.DISTRICT, "i1", "cam-9") is None


async def test_documents(conn: Connection) -> None:
    """Rows carry the keys of registry files, and devices their state."""
    device = await get_device(conn, Scope.DISTRICT, "i1", "mat-1")
    assert device is not None
    state = device.pop("state")
    assert device == {
        "site": "i1",
        "code": "mat-1",
        "kind": "bed_sensor",
        "make": "",
        "place": "bed-1",
        "resident": None,
        "gateway": None,
        "power": None,
        "heartbeat": "90s",
    }
    assert (state["liveness"], state["last_seen"], state["skewed"]) == ("unknown", None, False)
    resident = await get_resident(conn, Scope.DISTRICT, "r1")
    assert resident is not None
    assert (resident["flags"], resident["bed"], resident["care"]["conditions"]) == (["dementia"], None, ["一", "二"])
    contact = await get_contact(conn, Scope.DISTRICT, "c2")
    assert contact is not None
    assert (contact["id"], contact["order"], contact["channels"], contact["language"]) == ("c2", 0, ["sms"], "en")


async def test_filters(conn: Connection) -> None:
    """Lists narrow down by what rows belong to."""
    assert codes(await list_devices(conn, Scope.DISTRICT, site="i1", kind="camera")) == ["cam-1"]
    assert codes(await list_devices(conn, Scope.DISTRICT, resident="r2")) == ["sos-2"]
    assert codes(await list_sites(conn, Scope.DISTRICT, street="二", kind="institution")) == ["i1"]
    assert codes(await list_contacts(conn, Scope.DISTRICT, resident="r1")) == ["c1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
async def test_pages(conn: Connection, limit: int) -> None:
    """Pages of any size bring every row once, and the last says that it is the last."""
    found: list[str] = []
    after: int | None = None
    while True:
        page = await list_devices(conn, Scope.DISTRICT, after=after, limit=limit)
        assert 0 < len(page.items) <= limit
        found += codes(page)
        if (after := page.next) is None:
            break
    assert found == EVERYTHING["devices"]


async def test_removed_rows_are_not_there(conn: Connection) -> None:
    """A site that ended takes everything with it."""
    await conn.execute(b"UPDATE site SET removed_at = now() WHERE code = 'i1'")
    assert await seen(conn, Scope.DISTRICT) == OF_H1


async def test_an_exported_registry_imports_unchanged(conn: Connection) -> None:
    """The file that comes out says what the file that went in said, and changes nothing."""
    text = await export_registry(conn)
    result = await import_registry(conn, text, file="f", by="tester", now=NOW)
    assert (result.created, result.updated, result.unchanged) == (0, 0, 16)
    assert _by_name(tomllib.loads(text)) == _by_name(tomllib.loads(REGISTRY))


def _by_name(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the tables with rows and keys in one order."""
    return {
        name: sorted(({key: row[key] for key in sorted(row)} for row in rows), key=str) for name, rows in tables.items()
    }
