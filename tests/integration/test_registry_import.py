"""Registry files into the database: all or nothing, once, with the log that the engine reads."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.directory import Directory
from devices.registry import ImportResult, import_registry
from devices.registry_file import RegistryError
from store.head import InputEntry, append_input, lock_head, read_input, save_head
from store.pool import Connection, Pool

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

HOME = """
[[site]]
code = "h1"
kind = "home"
name = "王家"
street = "街道一"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "entrance"
open_hours = ["06:00-22:00", "23:00-01:00"]
[[place]]
site = "h1"
code = "bed-1"
kind = "bed"
[[resident]]
code = "r1"
site = "h1"
bed = "bed-1"
name = "王某"
flags = ["dementia", "fall_risk"]
conditions = "糖尿病"
key_notes = "门卫有钥匙"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
gateway = "gw-1"
power = "battery"
[[device]]
site = "h1"
code = "gw-1"
kind = "gateway"
power = "mains"
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "r1"
heartbeat = "12h"
[[contact]]
id = "c1"
resident = "r1"
name = "王小明"
relation = "son"
order = 1
phone = "13800000000"
channels = ["phone", "sms"]
"""


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as opened:
        yield opened


async def take(conn: Connection, text: str, now: datetime = NOW) -> ImportResult:
    return await import_registry(conn, text, file="homes.toml", by="tester", now=now)


async def problems(conn: Connection, text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(RegistryError) as caught:
        await take(conn, text)
    assert {p.file for p in caught.value.problems} == {"homes.toml"}
    return [(p.table, p.index, p.key) for p in caught.value.problems]


async def rows(conn: Connection, statement: bytes) -> list[dict[str, Any]]:
    return await (await conn.execute(statement)).fetchall()


async def test_a_first_import(conn: Connection) -> None:
    """Every row is there, with what it refers to, whatever their order in the file."""
    assert await take(conn, HOME) == ImportResult(created=8, updated=0, unchanged=0)
    [device] = await rows(
        conn,
        b"SELECT d.code, p.code AS place, g.code AS gateway, d.heartbeat, d.since FROM device d"
        b" JOIN place p ON p.id = d.place JOIN device g ON g.id = d.gateway WHERE d.code = 'mag-1'",
    )
    assert device == {"code": "mag-1", "place": "door-1", "gateway": "gw-1", "heartbeat": None, "since": NOW}
    [resident] = await rows(conn, b"SELECT flags, care FROM resident")
    assert resident["flags"] == ["dementia", "fall_risk"]
    assert resident["care"] == {"conditions": "糖尿病", "key_notes": "门卫有钥匙"}


async def test_the_log_of_an_import(conn: Connection) -> None:
    """The engine gets ids and what it needs, and nothing of names, phones and health."""
    await take(conn, HOME)
    [entry] = await read_input(conn, 0)
    upsert = entry.body["upsert"]
    assert (entry.kind, entry.at, entry.body["by"], entry.body["remove"]) == ("registry", NOW, "tester", {})
    assert {table: len(found) for table, found in upsert.items()} == {"site": 1, "place": 2, "resident": 1, "device": 3}
    gateway = next(d for d in upsert["device"] if d["code"] == "gw-1")
    assert (gateway["heartbeat"], gateway["since"]) == (60_000_000, int(NOW.timestamp()) * 1_000_000)
    mag = next(d for d in upsert["device"] if d["code"] == "mag-1")
    door = next(p for p in upsert["place"] if p["code"] == "door-1")
    assert (mag["gateway"], mag["place"], mag["heartbeat"]) == (gateway["id"], door["id"], None)
    assert door["open_hours"] == ["06:00-22:00", "23:00-01:00"]
    assert upsert["site"][0]["timezone"] == "Asia/Shanghai"
    assert not {"name", "care", "phone"} & {key for table in upsert.values() for row in table for key in row}


async def test_importing_again_changes_nothing(conn: Connection) -> None:
    """The same file writes no row, no entry, and uses up no number."""
    await take(conn, HOME)
    assert await take(conn, HOME, LATER) == ImportResult(created=0, updated=0, unchanged=8)
    assert len(await read_input(conn, 0)) == 1
    await take(conn, HOME.replace("sos-1", "sos-2"))
    assert [r["id"] for r in await rows(conn, b"SELECT id FROM device ORDER BY id")] == [1, 2, 3, 4]


async def test_a_changed_row(conn: Connection) -> None:
    """Only what changed is counted and logged; the watch of a device goes on from when it began."""
    await take(conn, HOME)
    changed = HOME.replace('heartbeat = "12h"', 'heartbeat = "6h"').replace("13800000000", "13900000000")
    assert await take(conn, changed, LATER) == ImportResult(created=0, updated=2, unchanged=6)
    first, second = await read_input(conn, 0)
    assert second.position == first.position + 1
    assert [d["code"] for d in second.body["upsert"]["device"]] == ["sos-1"]
    assert second.body["upsert"]["device"][0]["since"] == int(NOW.timestamp()) * 1_000_000
    assert "site" not in second.body["upsert"]


async def test_rows_that_the_file_does_not_name_stay(conn: Connection) -> None:
    """A second file may refer to what an earlier one registered."""
    await take(conn, HOME)
    more = '[[device]]\nsite = "h1"\ncode = "smoke-1"\nkind = "smoke"\ngateway = "gw-1"\nplace = "bed-1"'
    assert await take(conn, more) == ImportResult(created=1, updated=0, unchanged=0)
    assert len(await rows(conn, b"SELECT id FROM device WHERE removed_at IS NULL")) == 4


async def test_contacts_are_no_input_of_the_engine(conn: Connection) -> None:
    """A new phone number is counted and leaves the log alone."""
    await take(conn, HOME)
    assert (await take(conn, HOME.replace("13800000000", "13700000000"))).updated == 1
    assert len(await read_input(conn, 0)) == 1


async def test_all_or_nothing(conn: Connection) -> None:
    """One bad row at the end keeps everything out, and every problem is told."""
    bad = HOME + '[[device]]\nsite = "h1"\ncode = "x"\nkind = "toaster"\n[[contact]]\nid = "c2"\nresident = "r9"\n'
    assert await problems(conn, bad) == [("device", 4, "kind"), ("contact", 2, "resident")]
    assert await rows(conn, b"SELECT id FROM site") == []
    assert await read_input(conn, 0) == []


async def test_a_resident_whose_devices_stay_behind(conn: Connection) -> None:
    """A move that would leave a button at the old site is refused, though the file does not name the button."""
    await take(conn, HOME)
    move = '[[site]]\ncode = "h2"\nkind = "home"\n[[resident]]\ncode = "r1"\nsite = "h2"'
    assert await problems(conn, move) == [("device", 0, "resident")]
    assert await problems(conn, '[[device]]\nsite = "h1"\ncode = "gw-1"\nkind = "camera"') == [("device", 0, "gateway")]
    assert await problems(conn, '[[place]]\nsite = "h1"\ncode = "bed-1"\nkind = "room"') == [("resident", 0, "bed")]
    assert len(await rows(conn, b"SELECT id FROM site")) == 1


async def test_two_imports_at_once(pool: Pool) -> None:
    """One after the other: the second finds everything there."""

    async def one() -> ImportResult:
        async with pool.connection() as own:
            return await take(own, HOME)

    results = await asyncio.gather(one(), one(), one())
    assert sorted(result.created for result in results) == [0, 0, 8]
    assert sorted(result.unchanged for result in results) == [0, 8, 8]


async def test_an_import_waits_for_the_head(pool: Pool) -> None:
    """Its entries follow those of the writer before it, whose positions are not lost."""
    async with pool.connection() as first, pool.connection() as second:
        async with first.transaction():
            head = await lock_head(first)
            importing = asyncio.create_task(take(second, HOME))
            await append_input(first, head, [InputEntry(kind="stall", at=NOW, body={"from": 0, "to": 1})])
            await save_head(first, head)
        await importing
        assert [(e.position, e.kind) for e in await read_input(second, 0)] == [(1, "stall"), (2, "registry")]


async def test_an_empty_file(conn: Connection) -> None:
    """Nothing in, nothing done."""
    assert await take(conn, "# nothing\n") == ImportResult(created=0, updated=0, unchanged=0)


async def test_five_thousand_devices(conn: Connection) -> None:
    """A large file is a matter of seconds, logged in entries of bounded size."""
    text = "".join(
        f'[[site]]\ncode = "h{n}"\nkind = "home"\n[[place]]\nsite = "h{n}"\ncode = "door-1"\nkind = "door"\n'
        + "".join(
            f'[[device]]\nsite = "h{n}"\ncode = "d{d}"\nkind = "door_sensor"\nplace = "door-1"\n' for d in range(5)
        )
        for n in range(1_000)
    )
    started = time.perf_counter()
    assert (await take(conn, text)).created == 7_000
    assert (await take(conn, text)).unchanged == 7_000
    assert time.perf_counter() - started < 30
    entries = await read_input(conn, 0)
    assert [sum(map(len, e.body["upsert"].values())) for e in entries] == [2_000, 2_000, 2_000, 1_000]
    replayed = Directory()
    for entry in entries:
        replayed.apply(entry.body)
    loaded = Directory()
    await loaded.load(conn)
    assert replayed.id_of == loaded.id_of
    assert len(loaded) == 5_000
