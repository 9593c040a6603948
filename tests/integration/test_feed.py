"""The live feed on a real socket: it never skips and never doubles, whoever leaves and whatever stops."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from api.tokens import issue_token
from devices.scope import Scope
from store.pool import connect
from tests.api_parts import Homes, homes_of
from tests.served import FeedReader, Served, served

Headers = dict[str, str]


@pytest.fixture
async def homes(database_url: str) -> AsyncIterator[Homes]:
    async with homes_of(database_url) as watched:
        yield watched


@pytest.fixture
async def desk(database_url: str, project: Path) -> AsyncIterator[Served]:
    async with served(database_url, project) as running:
        yield running


async def token(database_url: str, role: str = "duty", scope: Scope | None = None, name: str | None = None) -> Headers:
    async with await connect(database_url, name="token") as conn:
        _, made = await issue_token(conn, role=role, scope=scope, name=name, now=datetime.now(UTC))
    return {"Authorization": f"Bearer {made}"}


async def last_id(database_url: str) -> int:
    async with await connect(database_url, name="test") as conn:
        row = await (await conn.execute("SELECT log_id FROM head")).fetchone()
    assert row is not None
    return int(row["log_id"])


async def write(homes: Homes, desk: Served, headers: Headers, *, until: asyncio.Event, seed: int) -> None:
    """Presses, and acts of people beside them, each its own transaction."""
    draw = random.Random(seed)  # noqa: S311 -- nothing here is secret

    async def press() -> None:
        while not until.is_set():
            await homes.press(draw.choice(["h1/sos-1", "h2/sos-1"]))
            await asyncio.sleep(draw.uniform(0, 0.15))

    async def act(client: httpx.AsyncClient) -> None:
        while not until.is_set():
            alert = draw.choice([1, 2])
            path = f"/api/v1/alerts/{alert}/{draw.choice(['claim', 'release', 'note'])}"
            answer = await client.post(path, json={"note": "x"} if path.endswith("note") else {}, headers=headers)
            assert answer.status_code in {200, 404, 409, 503}, answer.text
            await asyncio.sleep(draw.uniform(0, 0.3))

    async with httpx.AsyncClient(base_url=desk.url, timeout=60) as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(press())
        tasks.create_task(act(client))
        tasks.create_task(act(client))


async def resume_often(reader: FeedReader, times: int, seed: int) -> None:
    """Leave in every way there is: before a byte of the body, within an event, after one, after some."""
    draw = random.Random(seed)  # noqa: S311 -- nothing here is secret
    for _ in range(times):
        await reader.read(
            events=draw.choice([1, 2, None]), pieces=draw.choice([0, 1, 2, 3]), seconds=draw.uniform(0, 0.05)
        )
        assert reader.status == 200


@pytest.mark.timeout(600)
async def test_thousand_resumes(database_url: str, homes: Homes, desk: Served) -> None:
    """Two readers that disconnect and resume 1,000 times under concurrent commits see every log id exactly once."""
    headers = await token(database_url)
    readers = [FeedReader(port=desk.port, headers=headers, after=0) for _ in range(2)]
    enough = asyncio.Event()
    async with asyncio.timeout(500), asyncio.TaskGroup() as tasks:
        tasks.create_task(write(homes, desk, headers, until=enough, seed=1))
        await asyncio.gather(*(resume_often(reader, 1000, seed) for seed, reader in enumerate(readers)))
        enough.set()
    end = await last_id(database_url)
    for reader in readers:
        if missing := end - (reader.after or 0):
            await asyncio.wait_for(reader.read(events=missing), 30)
        assert reader.seen == list(range(1, end + 1))
    assert end > 200


async def test_begins_at_the_end(database_url: str, homes: Homes, desk: Served) -> None:
    """Without an id a reader hears at once that it is connected, and then all that comes from there on."""
    await homes.press()
    reader = FeedReader(port=desk.port, headers=await token(database_url))
    reading = asyncio.create_task(reader.read(events=2))
    await asyncio.wait_for(reader.opened.wait(), 5)
    assert reader.seen == []
    await homes.press()
    await homes.press("h2/sos-1")
    await asyncio.wait_for(reading, 5)
    assert reader.seen == [2, 3]
    first, second = reader.events
    assert (first["change"], first["by"], first["alert"]["occurrences"]) == ("occurrence", "system", 2)
    assert (second["change"], second["alert"]["site"]) == ("raised", "h2")
    assert set(first) == {"log_id", "change", "at", "by", "alert"}


async def test_scope(database_url: str, homes: Homes, desk: Served) -> None:
    """A reader of one home hears of that home alone, also of what it missed."""
    for site in ("h1", "h2", "h1", "h2"):
        await homes.press(f"{site}/sos-1")
    headers = await token(database_url, "family", Scope(residents=("r2",)))
    reader = FeedReader(port=desk.port, headers=headers, after=0)
    await asyncio.wait_for(reader.read(events=2), 5)
    assert reader.seen == [2, 4]
    assert {event["alert"]["site"] for event in reader.events} == {"h2"}


async def test_press_to_feed(database_url: str, homes: Homes, desk: Served) -> None:
    """A change is with its readers well within a second, far sooner than the slow poll would bring it."""
    reader = FeedReader(port=desk.port, headers=await token(database_url))
    reading = asyncio.create_task(reader.read(events=20))
    await asyncio.wait_for(reader.opened.wait(), 5)
    began = asyncio.get_running_loop().time()
    for _ in range(20):
        reader.arrived.clear()
        await homes.press()
        await asyncio.wait_for(reader.arrived.wait(), 5)
    await reading
    assert asyncio.get_running_loop().time() - began < 20


@pytest.mark.parametrize(
    ("last_id", "status"),
    [("x", 400), ("-1", 400), ("1.5", 400), ("9" * 40, 400), ("٣", 400), ("99", 409), ("0", 200), ("1", 200)],
)
async def test_last_id(database_url: str, homes: Homes, desk: Served, last_id: str, status: int) -> None:
    """An id of this log resumes; what is none, or lies ahead of the log, is told."""
    await homes.press()
    headers = {**await token(database_url), "Last-Event-ID": last_id.encode().decode("latin-1")}
    async with httpx.AsyncClient(base_url=desk.url) as client:
        request = client.build_request("GET", "/api/v1/alerts/feed", headers=httpx.Headers(headers, encoding="latin-1"))
        answer = await client.send(request, stream=True)
        assert answer.status_code == status
        await answer.aclose()


async def test_not_signed_in(desk: Served) -> None:
    """A feed is for those who are signed in."""
    async with httpx.AsyncClient(base_url=desk.url) as client:
        answer = await client.get("/api/v1/alerts/feed")
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


async def test_headers(database_url: str, desk: Served) -> None:
    """The answer is an event stream that nobody on the way keeps, under the same security headers."""
    async with (
        httpx.AsyncClient(base_url=desk.url) as client,
        client.stream("GET", "/api/v1/alerts/feed", headers=await token(database_url)) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_stops_with_open_feeds(database_url: str, desk: Served) -> None:
    """SIGTERM ends the process in an orderly way within 5 s though feeds are open, one of them not being read."""
    headers = await token(database_url)
    readers = [FeedReader(port=desk.port, headers=headers) for _ in range(10)]
    reading = [asyncio.create_task(reader.read()) for reader in readers]
    await asyncio.wait_for(asyncio.gather(*(reader.opened.wait() for reader in readers)), 10)
    _, stuck = await asyncio.open_connection("127.0.0.1", desk.port)
    stuck.write(
        f"GET /api/v1/alerts/feed HTTP/1.1\r\nHost: a\r\nAuthorization: {headers['Authorization']}\r\n\r\n".encode()
    )
    desk.process.send_signal(signal.SIGTERM)
    assert await desk.ended(5) == 0
    await asyncio.wait_for(asyncio.gather(*reading), 5)
    stuck.close()
