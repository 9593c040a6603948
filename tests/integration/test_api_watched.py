"""What is known of devices and sites, over the API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devices.scope import Scope
from tests.api_parts import Api, Homes, homes_of, running_api

V1 = "/api/v1"
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


async def test_device_tells_how_its_door_is(api: Api, homes: Homes, admin: Headers) -> None:
    """The newest event by its own time says whether a door is open; a late one corrects nothing that is newer."""

    async def told() -> Any:
        return (await api.client.get(f"{V1}/sites/h1/devices/mag-1", headers=admin)).json()["state"]["told"]

    now = datetime.now(UTC)
    assert await told() is None
    await homes.happen("h1/mag-1", "door.closed", now - timedelta(minutes=1))
    await homes.happen("h1/mag-1", "tamper.detected", now)
    await homes.happen("h1/mag-1", "door.opened", now - timedelta(hours=1))
    said = await told()
    assert (said["type"], datetime.fromisoformat(said["at"])) == ("door.closed", now - timedelta(minutes=1))


_KNOWN = """
INSERT INTO device_state (device, last_seen, liveness, battery)
SELECT device.id, now(), %(liveness)s, %(battery)s FROM device JOIN site ON site.id = device.site
 WHERE site.code || '/' || device.code = %(device)s
"""


def codes(page: Any) -> list[str]:
    return [row["site"]["code"] for row in page["items"]]


@pytest.mark.usefixtures("homes")
async def test_sites_with_how_their_devices_do(api: Api, admin: Headers) -> None:
    """Each site counts its devices by kind and state; trouble, street and scope narrow the list."""
    async with api.service.connection() as conn:
        for device, liveness, battery in [
            ("h1/sos-1", "ok", 12),
            ("h1/mag-1", "offline", None),
            ("h2/sos-1", "ok", 90),
        ]:
            await conn.execute(_KNOWN, {"device": device, "liveness": liveness, "battery": battery})

    async def listed(headers: Headers, **params: str) -> Any:
        return (await api.client.get(f"{V1}/watch/sites", params=params, headers=headers)).json()

    page = await listed(admin)
    assert (page["streets"], page["next"]) == (["street-1", "street-2"], None)
    first, second = page["items"]
    assert (first["site"]["code"], first["trouble"], second["trouble"]) == ("h1", True, False)
    counts = {kind.pop("kind"): {name for name, n in kind.items() if n} for kind in first["kinds"]}
    assert counts == {"door_sensor": {"total", "offline"}, "sos_button": {"total", "ok", "low"}}
    assert codes(await listed(admin, trouble="true")) == ["h1"]
    assert codes(await listed(admin, trouble="false")) == ["h2"]
    assert codes(await listed(admin, street="street-2")) == ["h2"]
    assert codes(await listed(await api.bearer("duty", Scope(residents=("r2",))))) == ["h2"]
    paged = await listed(admin, limit="1")
    assert codes(await listed(admin, limit="1", cursor=paged["next"])) == ["h2"]


_AT_AN_INSTITUTION = """
[[site]]
code = "i1"
kind = "institution"
[[resident]]
code = "r9"
site = "i1"
[[device]]
site = "i1"
code = "sos-9"
kind = "sos_button"
resident = "r9"
[[device]]
site = "i1"
code = "cam-9"
kind = "camera"
"""


@pytest.mark.usefixtures("homes")
async def test_site_counts_no_more_than_the_scope_reaches(api: Api, admin: Headers) -> None:
    """Who is scoped to a resident of an institution learns nothing of its other devices."""
    toml = {**admin, "Content-Type": "application/toml"}
    await api.client.post(f"{V1}/registry/import", content=_AT_AN_INSTITUTION.encode(), headers=toml)
    family = await api.bearer("family", Scope(residents=("r9",)))
    (row,) = (await api.client.get(f"{V1}/watch/sites", headers=family)).json()["items"]
    assert [(kind["kind"], kind["unheard"]) for kind in row["kinds"]] == [("sos_button", 1)]
    everything = (await api.client.get(f"{V1}/watch/sites?trouble=true", headers=admin)).json()["items"]
    assert [row["site"]["code"] for row in everything] == ["i1"]  # its camera should be heard and never was
