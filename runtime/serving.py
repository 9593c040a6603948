"""One part a process: its log, its counters, its end. The imports wait until both are set up."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from runtime.errors import StartError
from runtime.layout import DataDir, open_data_dir, private_dir
from runtime.lifeline import end_with_up
from runtime.logs import set_up
from runtime.running import database_url, publisher_url
from runtime.settings import Settings

METRICS = "PROMETHEUS_MULTIPROC_DIR"


def ingest(settings: Settings) -> None:
    """Ingest with the rule engine, or stand by for another that has it, until SIGTERM. Raises `StartError`."""
    set_up("ingest", settings.log_level)
    data = open_data_dir(settings.data)
    _count_in(data)
    from runtime.wiring import run_ingest  # noqa: PLC0415 -- the metrics library reads its folder when it is imported

    asyncio.run(_until_stopped(run_ingest(settings, data)))


def api(settings: Settings) -> None:
    """The API and the pages, until SIGTERM. Raises `StartError` for a used port."""
    set_up("api", settings.log_level)
    end_with_up()
    if DataDir(settings.data).metrics.is_dir():
        _count_in(DataDir(settings.data))
    from runtime.wiring_api import run_api  # noqa: PLC0415 -- as above

    try:
        asyncio.run(run_api(settings))
    except OSError as error:
        where = f"{settings.http_host}:{settings.http_port}"
        raise StartError(f"{where} cannot be listened on: {error.strerror}; see --http") from error


def watch(settings: Settings) -> None:
    """The watch, until SIGTERM. It outlives a killed `up`: somebody must say that the rest is gone."""
    set_up("watch", settings.log_level)
    data = open_data_dir(settings.data)
    _count_in(data)
    from runtime.wiring_watch import run_watch  # noqa: PLC0415 -- as above

    asyncio.run(_until_stopped(run_watch(settings, data)))


def demo(settings: Settings) -> None:
    """The demo's sites and the life of their devices, until SIGTERM. Raises `StartError`."""
    set_up("demo", settings.log_level)
    end_with_up()
    from simulators.api_client import ApiError  # noqa: PLC0415 -- heavy, and this alone needs it

    try:
        asyncio.run(_until_stopped(_demo(settings)))
    except ApiError as error:
        raise StartError(f"the demo cannot be set up: {error}") from error


async def _demo(settings: Settings) -> None:
    from api.tokens import issue_token  # noqa: PLC0415 -- as above
    from simulators.demo import run  # noqa: PLC0415 -- as above
    from store.pool import connect  # noqa: PLC0415 -- as above

    now = datetime.now(UTC)
    async with await connect(database_url(settings), name="demo") as conn:
        _, token = await issue_token(conn, role="admin", expires_at=now + timedelta(hours=1), now=now)
    broker = urlsplit(publisher_url(settings))
    await run(
        api_url=settings.url, token=token, mqtt_host=str(broker.hostname), mqtt_port=broker.port or settings.mqtt_port
    )


def _count_in(data: DataDir) -> None:
    """Count where the API's page of metrics finds it."""
    os.environ.setdefault(METRICS, str(private_dir(data.metrics)))


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until done, or until SIGTERM or SIGINT, which are an orderly end."""
    task, loop = asyncio.create_task(work, name="work"), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
