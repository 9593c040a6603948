"""The directory as it reads the database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from devices import directory as module
from devices.directory import Directory
from devices.models import DEVICE_KINDS
from devices.registry import import_registry
from store.pool import Connection, Pool

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REGISTRY = "".join(
    f'[[site]]\ncode = "{site}"\nkind = "home"\n'
    f'[[device]]\nsite = "{site}"\ncode = "gw"\nkind = "gateway"\n'
    f'[[device]]\nsite = "{site}"\ncode = "mag"\nkind = "door_sensor"\ngateway = "gw"\nheartbeat = "12h"\n'
    for site in ("h1", "h2", "h3")
)


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as opened:
        await import_registry(opened, REGISTRY, file="f", by="tester", now=NOW)
        yield opened


async def loaded(conn: Connection) -> Directory:
    directory = Directory()
    await directory.load(conn)
    return directory


async def test_loading(conn: Connection) -> None:
    """Every watched device with its facts."""
    directory = await loaded(conn)
    assert sorted(directory.id_of) == ["h1/gw", "h1/mag", "h2/gw", "h2/mag", "h3/gw", "h3/mag"]
    mag, gateway = directory.id_of["h2/mag"], directory.id_of["h2/gw"]
    assert directory.gateway[mag] == gateway
    assert directory.site[mag] == directory.site[gateway] == 2
    assert (directory.heartbeat[mag], directory.heartbeat[gateway]) == (12 * 3_600_000_000, 60_000_000)
    assert [DEVICE_KINDS[directory.kind[d]] for d in (mag, gateway)] == ["door_sensor", "gateway"]


@pytest.mark.parametrize("page", [1, 2, 3, 5, 6, 7])
async def test_loading_in_pages(conn: Connection, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """Pages of any size give the same directory."""
    whole = await loaded(conn)
    monkeypatch.setattr(module, "_PAGE", page)
    paged = await loaded(conn)
    assert paged.id_of == whole.id_of
    assert (paged.heartbeat[: whole.size] == whole.heartbeat).all()
    assert (paged.power[: whole.size] == whole.power).all()
    assert (paged.interval[: whole.size] == whole.interval).all()


async def test_loading_nothing(pool: Pool) -> None:
    """An empty registry is a directory too."""
    async with pool.connection() as conn:
        assert len(await loaded(conn)) == 0


async def test_removed_devices_and_sites(conn: Connection) -> None:
    """Neither a removed device nor any device of a removed site is known."""
    await conn.execute(b"UPDATE device SET removed_at = now() WHERE site = 1 AND code = 'mag'")
    await conn.execute(b"UPDATE site SET removed_at = now() WHERE code = 'h2'")
    directory = await loaded(conn)
    assert sorted(directory.id_of) == ["h1/gw", "h3/gw", "h3/mag"]
    assert await directory.refresh(conn, ["h1/mag", "h2/gw"]) == 0


async def test_looking_up_what_is_new(conn: Connection) -> None:
    """A device registered a moment ago is found by its name; strange names are not."""
    directory = await loaded(conn)
    new = '[[device]]\nsite = "h3"\ncode = "sos"\nkind = "sos_button"\n'
    await import_registry(conn, new, file="f", by="tester", now=NOW)
    assert await directory.refresh(conn, ["h3/sos", "h3/gw", "h9/x", "", "h3", "h3/sos/x"]) == 1
    assert directory.id_of["h3/sos"] == 7
    assert directory.kind[7] == DEVICE_KINDS.index("sos_button")
