"""Whether the watch runs, what is counted, and how the API stands when things around it do not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi.sse import format_sse_event
from psycopg.types.json import Jsonb

from api.app import create_app
from api.feed import FeedTimes
from api.limits import DEFAULT_LIMIT
from api.settings import ApiSettings
from store.pool import connect
from tests.api_parts import BASE, Api, assert_problem, assert_secured, homes_of, running_api
from tests.parts import free_port

SAYS = """
INSERT INTO part (name, at, ok, detail) VALUES (%(name)s, clock_timestamp() - %(ago)s, %(ok)s, %(detail)s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, ok = excluded.ok, detail = excluded.detail
"""
NOW = timedelta(0)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url) as running:
        yield running


async def says(api: Api, name: str, *, ok: bool = True, ago: timedelta = NOW, **detail: Any) -> None:
    """A part says how it is."""
    async with api.service.connection() as conn:
        await conn.execute(SAYS.encode(), {"name": name, "ok": ok, "ago": ago, "detail": Jsonb(detail)})


async def test_alive(api: Api) -> None:
    """The process answers for itself alone."""
    answer = await api.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert_secured(answer)


async def test_not_ready(api: Api) -> None:
    """Before ingest has spoken the watch is not ready, and the answer names what is missing."""
    answer = await api.client.get("/readyz")
    assert_problem(answer, 503, "not-ready")
    parts = answer.json()["parts"]
    assert {name: part["ok"] for name, part in parts.items()} == {"database": True, "broker": False, "ingest": False}
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_head(api: Api, path: str) -> None:
    """Probes that ask with HEAD are told the same as with GET, and the document says it once."""
    assert (await api.client.head(path)).status_code == (await api.client.get(path)).status_code
    assert set((await api.client.get("/openapi.json")).json()["paths"][path]) == {"get"}


async def test_ready(api: Api) -> None:
    """It is ready once broker and ingest say so."""
    await says(api, "ingest", session=True)
    await says(api, "broker")
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


async def test_foreign_broker(api: Api) -> None:
    """A broker that is not ours says nothing: it runs where ingest is connected to it."""
    await says(api, "ingest", session=True)
    answer = await api.client.get("/readyz")
    assert answer.status_code == 200, answer.text
    await says(api, "ingest", ok=False, session=False, reason="the broker is away")
    answer = await api.client.get("/readyz")
    assert_problem(answer, 503, "not-ready")
    assert answer.json()["parts"]["ingest"]["reason"] == "the broker is away"
    assert not answer.json()["parts"]["broker"]["ok"]


async def test_silence_is_no_health(api: Api) -> None:
    """What a part said half a minute ago, or before this process started, proves nothing."""
    await says(api, "ingest", session=True, ago=timedelta(seconds=31))
    parts = (await api.client.get("/readyz")).json()["parts"]
    assert "silent for 3" in parts["ingest"]["reason"]
    await says(api, "ingest", session=True, ago=timedelta(seconds=20))
    answer = await api.client.get("/readyz")
    assert_problem(answer, 503, "not-ready")
    assert "since this process started" in answer.json()["parts"]["ingest"]["reason"]


async def test_watch(database_url: str) -> None:
    """The desk sees each part, the last event and the last hour's events by the minute, counted once."""
    async with homes_of(database_url) as homes, running_api(database_url) as api:
        duty = await api.bearer("duty")
        quiet = (await api.client.get("/api/v1/watch", headers=duty)).json()
        assert (quiet["last_event_at"], sum(quiet["events_per_minute"]), len(quiet["events_per_minute"])) == (
            None,
            0,
            60,
        )
        for count in (3, 5):
            for _ in range(count):
                await homes.press()
            busy = (await api.client.get("/api/v1/watch", headers=duty)).json()
        assert sum(busy["events_per_minute"]) == 8
        assert sum(busy["events_per_minute"][-3:]) == 8
        assert busy["last_event_at"] is not None
        assert {part["name"] for part in busy["parts"]} == {"database", "broker", "ingest"}
        assert_problem(await api.client.get("/api/v1/watch", headers=await api.bearer("family")), 403, "forbidden")


async def test_metrics(api: Api) -> None:
    """Refusals stand at 0 from the start; requests are counted by route, never by what a path names."""
    await api.client.get("/api/v1/sites/secret-home", headers=await api.bearer())
    text = (await api.client.get("/metrics")).text
    assert "shouwang_refused_total 0.0" in text
    assert 'route="/api/v1/sites/{site}"' in text or 'route="/sites/{site}"' in text
    assert "secret-home" not in text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/api/v1/nowhere", 404, "not-found"),
        ("GET", "/api/v2/alerts", 404, "not-found"),
        ("DELETE", "/api/v1/alerts", 405, "method-not-allowed"),
        ("POST", "/healthz", 405, "method-not-allowed"),
        ("BREW", "/api/v1/me", 405, "method-not-allowed"),
    ],
)
async def test_unknown_paths(api: Api, method: str, path: str, status: int, code: str) -> None:
    """What is not there is a problem document like everything else."""
    assert_problem(await api.client.request(method, path), status, code)


async def test_allow(api: Api) -> None:
    """A 405 says which methods there are (RFC 9110, 15.5.6)."""
    assert "GET" in (await api.client.delete("/api/v1/alerts")).headers["allow"]


async def test_large_body(api: Api) -> None:
    """A body beyond the limit is refused, whether it says its length or comes in pieces."""
    headers = {"Content-Type": "application/json"}
    body = b'{"token": "' + b"x" * DEFAULT_LIMIT + b'"}'
    assert_problem(await api.client.post("/api/v1/session", content=body, headers=headers), 413, "too-large")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 8192):
            yield body[start : start + 8192]

    assert_problem(await api.client.post("/api/v1/session", content=pieces(), headers=headers), 413, "too-large")


async def test_own_failure(api: Api) -> None:
    """What breaks inside is a 500 that tells nothing of the inside."""

    async def broken() -> None:
        raise ZeroDivisionError("the password is 12345")

    api.app.add_api_route("/broken", broken)
    answer = await api.client.get("/broken")
    assert_problem(answer, 500, "internal")
    assert "12345" not in answer.text


async def test_database_away() -> None:
    """Without a database the process lives, says so, and answers 503 with a time to come back."""
    url = f"postgresql://nobody:none@127.0.0.1:{free_port()}/none"
    app = create_app(ApiSettings(database_url=url))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=BASE) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        answers = await asyncio.gather(
            *(
                client.get(path, headers={"Authorization": "Bearer x"})
                for path in ("/api/v1/me", "/api/v1/alerts/feed")
            ),
            client.get("/readyz"),
        )
    for answer in answers[:2]:
        assert_problem(answer, 503, "database-away")
        assert answer.headers["retry-after"]
    assert_problem(answers[2], 503, "not-ready")
    assert not any(part["ok"] for part in answers[2].json()["parts"].values())


async def test_busy_log(api: Api, database_url: str) -> None:
    """An act that cannot have the log within a second is told to come again, and changes nothing."""
    async with homes_of(database_url) as homes, await connect(database_url, name="holder") as holder:
        await homes.press()
        headers = await api.bearer("duty")
        async with holder.transaction():
            await holder.execute("SELECT FROM head FOR UPDATE")
            assert_problem(await api.client.post("/api/v1/alerts/1/claim", headers=headers), 503, "busy")
        assert (await api.client.get("/api/v1/alerts/1", headers=headers)).json()["handling"] == "new"


async def test_openapi(api: Api) -> None:
    """The document names every path with its answers; each guarded one its 401 and 403 as problem documents."""
    document = (await api.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert "422" not in operation["responses"] or "problem+json" in str(operation["responses"]["422"])
            if path.startswith("/api/v1") and (method, path) != ("post", "/api/v1/session"):
                assert {"401", "403", "503"} <= set(operation["responses"]), (method, path)
                assert operation["security"] == [{"bearer": []}, {"session": []}]
    names = set(document["components"]["schemas"])
    assert {"Alert", "AlertDetail", "Event", "Problem", "FieldError", "FeedEntry"} <= names
    assert "HTTPValidationError" not in str(document)
    for ref in _refs(document):
        assert ref.removeprefix("#/components/schemas/") in names


def _refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_refs(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*map(_refs, node))
    return set()


async def test_docs_page(api: Api) -> None:
    """The page of the API needs nothing from elsewhere and no inline script or style."""
    page = await api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert_secured(page)
    assert "style=" not in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
        answer = await api.client.get(f"/docs/{name}")
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert_problem(await api.client.get("/docs/../app.py"), 404, "not-found")
    assert_problem(await api.client.get("/docs/other.js"), 404, "not-found")


async def test_feed_keeps_alive_and_checks_rights(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle feed says that it lives, and ends soon after its reader's rights do."""
    times = FeedTimes(keep_alive=0.05, rights=0.2)
    said: list[str] = []

    def note(*, comment: str, retry: int | None = None) -> bytes:
        said.append(comment)
        return format_sse_event(comment=comment, retry=retry)

    monkeypatch.setattr("api.feed.format_sse_event", note)
    async with running_api(database_url, feed_times=times) as api:
        headers = await api.bearer("duty", name="gone")
        reading = asyncio.create_task(api.client.get("/api/v1/alerts/feed", headers=headers))
        async with asyncio.timeout(10):
            while said.count("keep-alive") < 10:
                assert not reading.done()
                await asyncio.sleep(0.01)
        async with api.service.connection() as conn:
            await conn.execute("UPDATE principal SET revoked_at = now() WHERE name = 'gone'")
        answer = await asyncio.wait_for(reading, 10)
    assert answer.text.count(": keep-alive\n\n") >= 3
    assert answer.text.endswith(": your rights have ended\n\n")
