"""The API does what its OpenAPI document says: requests drawn from it, right and wrong ones, over a real socket."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckContext
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.tokens import issue_token
from store.pool import connect
from tests.api_parts import homes_of
from tests.served import Served, served

EXAMPLES = 5  # of each of three kinds for each endpoint
SEED = 20261123
CALL_SECONDS = 30
SECONDS = 70  # for all of it
THERE: Mapping[str, Any] = {
    "site": "h1", "place": "door-1", "device": "sos-1", "resident": "r1", "contact": "c1", "alert": 1, "code": "D-03",
}  # fmt: skip
# In which manner requests are drawn, and whether for what is there or for whatever the document allows.
KINDS = ((GenerationMode.POSITIVE, True), (GenerationMode.NEGATIVE, False), (GenerationMode.POSITIVE, False))
TOO_LARGE = 413  # a refusal like any other, which the check for refusals does not know
PROBLEM = "application/problem+json"
Operation = APIOperation[Any, Any, Any, Any]
FEED = "/api/v1/alerts/feed"


def no_failure(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """The document has 500 and 503 everywhere; here only readiness may say that something is away."""
    assert response.status_code < 500 or case.operation.path == "/readyz", response.text


AS_DOCUMENTED = [
    no_failure,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=False,  # the seed is given
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/toml")
def _as_text(_context: Any, value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else repr(value).encode()


@pytest.fixture
async def desk(database_url: str, project: Path) -> AsyncIterator[Served]:
    async with homes_of(database_url) as homes:
        await homes.press()
        async with served(database_url, project) as running:
            yield running


@pytest.fixture
async def admin(database_url: str) -> dict[str, str]:
    async with await connect(database_url, name="test") as conn:
        _, token = await issue_token(conn, role="admin", now=datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


def operations(url: str) -> list[Operation]:
    """Every endpoint of the document but the feed, which never ends; what removes comes last."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema.config.seed = SEED
    found = [result.ok() for result in schema.exclude(path=FEED).get_all_operations() if isinstance(result, Ok)]
    return sorted(found, key=lambda one: (one.method == "delete", -one.path.count("{")))


class Asker:
    """Asks and judges, until the time is up; what follows is left out, so that a slow machine is not a failure."""

    def __init__(self, url: str, headers: Mapping[str, str], session: requests.Session) -> None:
        self.url, self.headers, self.session = url, headers, session
        self.asked: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.ends = time.monotonic() + SECONDS

    def draw(self, operation: Operation, mode: GenerationMode, *, there: bool) -> None:
        """Ask one endpoint for what is there, or for whatever the document allows or forbids."""
        if time.monotonic() > self.ends:
            return
        names = {one.name: THERE[one.name] for one in operation.path_parameters} if there else {}

        @seed(SEED)
        @QUICK
        @given(case=operation.as_strategy(generation_mode=mode, path_parameters=names or None))
        def answered(case: Case[Any]) -> None:
            self.ask(case)

        try:
            answered()
        except FailureGroup as found:
            self.wrong.append(f"{operation.label}: {found}")
        except Unsatisfiable:
            assert mode.is_negative, f"{operation.label}: nothing can be drawn"

    def ask(self, case: Case[Any]) -> None:
        """Send one request and compare its answer with the document."""
        if time.monotonic() > self.ends:
            return
        self.asked[case.operation.label] += 1
        headers = dict(self.headers)
        answer = case.call(base_url=self.url, session=self.session, headers=headers, timeout=CALL_SECONDS)
        checks = [*AS_DOCUMENTED]
        if case.meta is not None and case.meta.generation.mode.is_negative and answer.status_code != TOO_LARGE:
            checks.append(negative_data_rejection)
        case.validate_response(answer, checks=checks, headers=headers)


def fuzz(url: str, headers: Mapping[str, str]) -> tuple[set[str], Asker]:
    """Ask every endpoint in each way. Returns their names, and what was asked and wrong."""
    known = operations(url)
    with requests.Session() as session:
        asker = Asker(url, headers, session)
        for mode, there in KINDS:
            for operation in known:
                asker.draw(operation, mode, there=there)
    return {operation.label for operation in known}, asker


async def test_document(desk: Served, admin: dict[str, str]) -> None:
    """No 500, and no answer whose status, type, headers or shape the document does not have."""
    endpoints, asker = await asyncio.to_thread(fuzz, desk.url, admin)
    assert not asker.wrong, "\n".join(asker.wrong)
    assert set(asker.asked) == endpoints


async def test_feed(desk: Served, admin: dict[str, str]) -> None:
    """The feed, which the other test leaves out, opens and refuses as the document says."""
    schema = schemathesis.openapi.from_url(f"{desk.url}/openapi.json")
    documented = schema[FEED]["get"].definition.raw["responses"]
    async with httpx.AsyncClient(base_url=desk.url, headers=admin) as client:
        for last_id, status, kind in (("1", 200, "text/event-stream"), ("x", 400, PROBLEM), ("99999", 409, PROBLEM)):
            async with client.stream("GET", FEED, headers={"Last-Event-ID": last_id}) as answer:
                assert answer.status_code == status
                assert answer.headers["content-type"].partition(";")[0] == kind
                assert kind in documented[str(status)]["content"]
