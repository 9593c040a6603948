"""Heard whatever is down: the watch beside real parts, of which one is taken away."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from alerts.live import LiveEngine
from api.tokens import issue_token
from devices.registry import import_registry
from devices.scope import Scope
from store.migrations import migrate
from store.pool import connect
from tests.homes import TWO_HOMES
from tests.ingest_parts import publishing, running_ingest, say, settings
from tests.parts import RunningBroker, paused_database, start_database
from tests.served import FeedReader, Served, served
from tests.stack import crowding
from tests.watch_parts import SECRET, Elsewhere, elsewhere, eventually, running_watch

PROMISED = 3.0  # seconds from the press to every open desk


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database server for these tests alone, to be paused, with two homes in it."""
    with start_database(tmp_path_factory.mktemp("database")) as url:
        asyncio.run(_filled(url))
        yield url


@pytest.fixture
def own_database(own_server: str) -> str:
    """A database with the two homes on that server, for this test alone."""
    name = f"night_{token_hex(4)}"
    with psycopg.connect(psycopg.conninfo.make_conninfo(own_server, dbname="postgres"), autocommit=True) as conn:
        filled = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(own_server)["dbname"]))
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), filled))
    return psycopg.conninfo.make_conninfo(own_server, dbname=name)


async def _filled(url: str) -> None:
    await migrate(url)
    async with await connect(url, name="test") as conn:
        await import_registry(conn, TWO_HOMES, file="test", by="test", now=datetime.now(UTC))


@dataclass
class Night:
    """What runs, with one desk open over all of it."""

    broker: RunningBroker
    database_url: str
    api: Served
    headers: dict[str, str]
    people: Elsewhere
    folder: Path
    desk: FeedReader
    client_id: str = field(default_factory=lambda: token_hex(16))

    async def press(self, device: str = "h1/sos-1", channel: str = "event", **payload: Any) -> None:
        async with publishing(self.broker.url("publisher")) as client:
            await say(client, device, channel, payload={"type": "sos.pressed", **payload})

    async def publish(self, device: str, payload: bytes) -> None:
        async with publishing(self.broker.url("publisher")) as client:
            await say(client, device, payload=payload)

    def reader(self, headers: dict[str, str] | None = None) -> FeedReader:
        return FeedReader(port=self.api.port, headers=headers or self.headers)

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.api.url, timeout=15) as client:
            return await client.get(path, headers=self.headers)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.desk.told]


async def _bearer(url: str, scope: Scope | None = None) -> dict[str, str]:
    async with await connect(url, name="token") as conn:
        _, token = await issue_token(conn, role="duty", scope=scope, now=datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def reading(reader: FeedReader) -> AsyncIterator[FeedReader]:
    """A feed that stays open."""
    task = asyncio.create_task(reader.read())
    await asyncio.wait_for(reader.opened.wait(), 60)
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def night(broker: RunningBroker, own_database: str, tmp_path: Path, project: Path) -> AsyncIterator[Night]:
    """Broker, database, API and people elsewhere; watch and ingest are each test's own."""
    headers = await _bearer(own_database)
    async with served(own_database, project, watch_secret=SECRET) as api, elsewhere() as people:
        made = Night(
            broker=broker,
            database_url=own_database,
            api=api,
            headers=headers,
            people=people,
            folder=tmp_path,
            desk=FeedReader(port=api.port, headers=headers),
        )
        async with reading(made.desk):
            yield made


@asynccontextmanager
async def watched(night: Night, **options: Any) -> AsyncIterator[None]:
    async with running_watch(
        night.broker.url("watch"),
        night.database_url,
        night.folder,
        api_url=night.api.url,
        notice_urls=night.people.urls,
        **options,
    ):
        yield


@asynccontextmanager
async def ingesting(night: Night) -> AsyncIterator[None]:
    made = settings(night.broker.url("ingest"), night.database_url, client_id=night.client_id)
    async with running_ingest(made, LiveEngine()) as ingest:
        await ingest.caught_up()
        yield


async def test_a_press_while_the_database_stands_still(night: Night) -> None:
    """On an open desk within 3 s, out by webhook and mail, told to a desk that opens then; and shown once after."""
    async with watched(night), ingesting(night):
        with paused_database(night.database_url):
            began = time.monotonic()
            await night.press(id="p1")
            await eventually("the desk is told", lambda: "heard" in night.kinds())
            assert time.monotonic() - began < PROMISED * crowding()
            kind, told = night.desk.told[0]
            assert (kind, told["site"], told["device"], told["type"]) == ("heard", "h1", "sos-1", "sos.pressed")
            await eventually("the webhook is called", lambda: night.people.posted)
            await eventually("the mail is sent", lambda: night.people.mailed)
            assert "h1/sos-1" in night.people.posted[0]["message"]
            assert "h1/sos-1" in night.people.mailed[0]
            await night.press(id="p1")
            await _desk_opens_meanwhile(night)
        await eventually("it is recorded", lambda: "recorded" in night.kinds())
    # The alert is on the desk before the strip goes, and each came once.
    assert night.kinds() == ["heard", "alert", "recorded"]
    assert (night.desk.told[2][1]["key"], night.desk.told[2][1]["outcome"]) == (told["key"], "recorded")
    assert night.desk.told[1][1]["alert"]["occurrences"] == 1


async def _desk_opens_meanwhile(night: Night) -> None:
    """Whoever was let in before is let in by the rights last known, and is told first what is open; others are not."""
    async with reading(night.reader()) as late:
        await eventually("the late desk is told", lambda: late.told)
        assert [kind for kind, _ in late.told] == ["heard"]
    me, ready = await asyncio.gather(night.get("/api/v1/me"), night.get("/readyz"))
    assert me.status_code == 200
    assert (ready.status_code, ready.json()["parts"]["database"]["ok"]) == (503, False)
    stranger = night.reader({"Authorization": "Bearer nobody"})
    await asyncio.wait_for(stranger.read(), 15)
    assert stranger.status == 503


async def test_rights_last_known(night: Night) -> None:
    """A known token signs in and works the page without a database; once it is back, it has the word again."""
    known = {"token": night.headers["Authorization"].removeprefix("Bearer ")}
    async with httpx.AsyncClient(base_url=night.api.url, timeout=30) as desk:
        with paused_database(night.database_url):
            answer = await desk.post("/api/v1/session", json=known)
            assert answer.status_code == 201, answer.text
            assert (await desk.post("/api/v1/session", json={"token": "a stranger's"})).status_code == 503
            assert (await desk.post("/api/v1/session", json={"link": "x"})).status_code == 503
            assert (await desk.get("/desk")).status_code == 200
            assert (await desk.get("/api/v1/me")).json()["csrf"] == answer.json()["csrf"]
            cookie = {"Cookie": f"shouwang_session={desk.cookies['shouwang_session']}"}
            async with reading(night.reader(cookie)):
                """A feed opens."""
        assert (await desk.get("/api/v1/alerts")).status_code == 200
        async with await connect(night.database_url, name="test") as conn:
            await conn.execute("UPDATE principal SET revoked_at = now()")
        assert (await desk.get("/api/v1/me")).status_code == 401
        with paused_database(night.database_url):
            assert (await desk.get("/api/v1/me")).status_code == 503


async def test_what_ingest_does_not_take(night: Night) -> None:
    """With ingest away, strangers, rubbish and a flood are told, each press once, to those whose site it is."""
    elder = night.reader(await _bearer(night.database_url, Scope(streets=("street-2",))))
    async with watched(night), reading(elder):
        await night.press(id="a")
        await night.press(id="a")
        await night.press("h2/sos-1")
        await night.press("h9/ghost", id="b")
        await night.publish("h1/mag-1", b'\xff{"type":"smoke.detected"')
        await night.publish("h1/mag-1", b'{"type":"door.opened"}')
        for n in range(300):
            await night.press("h2/sos-1", id=f"flood-{n}")
        await eventually("all are told", lambda: len(night.desk.told) >= 53)
        told = {(said["site"], said["device"], said["type"]) for _, said in night.desk.told}
        assert told == {
            ("h1", "sos-1", "sos.pressed"),
            ("h2", "sos-1", "sos.pressed"),
            ("h9", "ghost", "sos.pressed"),
            ("h1", "mag-1", "smoke.detected"),
        }
        assert [said["device"] for _, said in night.desk.told].count("ghost") == 1
        assert sum((said["site"], said["device"]) == ("h1", "sos-1") for _, said in night.desk.told) == 1
        await eventually("a street's desk is told of its own", lambda: elder.told)
        assert {said["site"] for _, said in elder.told} == {"h2"}
        # What was heard outlives the watch.
        assert len(json.loads((night.folder / "heard.json").read_text())["told"]) >= 3


async def test_settled_by_ingest_after_a_restart_of_the_watch(night: Night) -> None:
    """The watch that comes after one that died knows what was told, and tells what became of it."""
    async with ingesting(night):
        """From here on the broker keeps what is said."""
    async with watched(night):
        await night.press(id="a")
        await night.press("h2/sos-1")
        await night.press("h9/ghost", id="b")
        await eventually("all are told", lambda: night.kinds().count("heard") == 3)
    async with watched(night), ingesting(night):
        await eventually("all are settled", lambda: night.kinds().count("recorded") == 3)
        ends = {said["key"]: said["outcome"] for kind, said in night.desk.told if kind == "recorded"}
        names = {said["key"]: said["site"] for kind, said in night.desk.told if kind == "heard"}
        settled = {names[key]: outcome for key, outcome in ends.items()}
        assert settled == {"h1": "recorded", "h2": "recorded", "h9": "quarantined"}
        assert night.kinds().count("heard") == 3
        await eventually("people elsewhere are told the end", lambda: "入库" in night.people.titles()[-1])


async def test_nothing_is_told_of_what_is_recorded(night: Night) -> None:
    """While all is well a press is an alert and nothing else, for whoever watches and elsewhere."""
    async with watched(night), ingesting(night):
        for n in range(20):
            await night.press(id=f"p{n}")
            await night.press()
        await eventually("the presses are on the desk", lambda: len(night.desk.events) >= 40)
        # The last of them is older than the watch's patience now, whatever came in between.
        await asyncio.wait_for(night.reader().read(seconds=2.5), 15)
    assert set(night.kinds()) == {"alert"}
    assert night.people.posted == []


async def test_each_stall_is_told_once_and_at_its_end(night: Night) -> None:
    """A part that stands still is told elsewhere by a path that does not need it, and so is its end."""
    async with watched(night, stalled_after=4.0):
        async with ingesting(night):
            with paused_database(night.database_url):
                await _told(night, "停了：数据库")
            await _told(night, "已恢复：数据库")
            night.broker.pause()
            await _told(night, "停了：消息服务")
            assert night.broker.child is not None
            night.broker.child.signal(signal.SIGCONT)
            await _told(night, "已恢复：消息服务")
            night.api.process.send_signal(signal.SIGSTOP)
            await _told(night, "停了：页面服务")
            night.api.process.send_signal(signal.SIGCONT)
            await _told(night, "已恢复：页面服务")
        await _told(night, "停了：接入")
        async with ingesting(night):
            await _told(night, "已恢复：接入")
    # The rules may be late as well on a crowded machine: with such short patience that is told, and right.
    titles = [title for title in night.people.titles() if "规则引擎" not in title]
    assert len(titles) == len(set(titles)) == 8
    assert len(night.people.mailed) == len(night.people.posted)


async def _told(night: Night, title: str) -> None:
    await eventually(title, lambda: any(title in told for told in night.people.titles()))


async def test_a_silent_watch_is_no_readiness(night: Night) -> None:
    """A watch that was heard here and is heard no more makes the watch not ready, by name."""
    async with watched(night), ingesting(night):
        await _until_status(night, 200)
    async with ingesting(night), await connect(night.database_url, name="test") as conn:
        await conn.execute("UPDATE part SET at = now() - interval '31 s' WHERE name = 'watch'")
        answer = await _until_status(night, 503)
    assert [name for name, part in answer.json()["parts"].items() if not part["ok"]] == ["watch"]


async def _until_status(night: Night, status: int) -> httpx.Response:
    async with asyncio.timeout(30):
        while (answer := await night.get("/readyz")).status_code != status:  # noqa: ASYNC110 -- another process changes
            await asyncio.sleep(0.1)
    return answer
