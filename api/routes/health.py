"""Outside the prefix: is the process alive, is the watch ready, what do the metrics say."""

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Response

from api import exposition
from api.documents import Alive, PartState, Readiness
from api.parts import Part, database_away, read_parts, ready
from api.problems import Problem
from api.service import HeldService, Service
from store.errors import StoreError

# HEAD answers as GET does, without the body, which the server leaves out; the document need not say it twice.
router = APIRouter(tags=["health"])

DATABASE_WAIT = 5.0  # seconds: a probe wants an answer, also of a database that hangs


def part_state(part: Part) -> PartState:
    return PartState(**asdict(part))


async def current_parts(service: Service) -> dict[str, Part]:
    """Return the parts, also while the database is away."""
    try:
        async with service.glance() as conn:
            return await read_parts(conn, service.started_at, watched=service.settings.watched)
    except StoreError:
        return database_away()


@router.get("/healthz")
@router.head("/healthz", include_in_schema=False)
async def healthz() -> Alive:
    """Say that this process runs and answers."""
    return Alive(status="alive")


@router.get("/readyz")
@router.head("/readyz", include_in_schema=False)
async def readyz(service: HeldService) -> Readiness:
    """Say whether the watch runs: 200 when database, broker and ingest all do, 503 naming those that do not."""
    parts = await current_parts(service)
    states = {name: part_state(part) for name, part in parts.items()}
    if ready(parts):
        return Readiness(ready=True, parts=states)
    down = sorted(name for name, part in parts.items() if not part.ok)
    raise Problem(
        503,
        "not-ready",
        f"Not ready: {', '.join(down)}.",
        headers={"Retry-After": "2"},
        ready=False,
        parts={name: state.model_dump(mode="json") for name, state in states.items()},
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics_page(service: HeldService) -> Response:
    """Metrics of every process of this installation, in the Prometheus text format."""
    parts = await current_parts(service)
    alerts = await _open_alerts(service) if parts["database"].ok else None
    # Reading every process's counters takes a while: the feeds must not wait for it.
    body, media_type = await asyncio.to_thread(exposition.page, parts.values(), alerts)
    return Response(body, media_type=media_type)


async def _open_alerts(service: Service) -> exposition.OpenAlerts | None:
    try:
        async with asyncio.timeout(DATABASE_WAIT), service.connection() as conn:
            return await exposition.read_open_alerts(conn)
    except (StoreError, TimeoutError):
        return None
