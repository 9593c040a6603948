"""One part each, for separate processes: `ingest`, `api`, `migrate`, and the demo's devices."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import typer

from runtime.commands import options
from runtime.commands.options import Config, Data, DatabaseUrl, Http, MqttUrl
from runtime.errors import StartError
from runtime.layout import DataDir, open_data_dir, private_dir
from runtime.lifeline import end_with_up
from runtime.logs import set_up
from runtime.running import database_url as database_of
from runtime.running import publisher_url
from runtime.settings import Settings
from store.head import Fenced
from store.migrations import migrate as run_migrations

METRICS = "PROMETHEUS_MULTIPROC_DIR"


def ingest(
    *, data: Data = None, config: Config = None, database_url: DatabaseUrl = None, mqtt_url: MqttUrl = None
) -> None:
    """Run ingest with the rule engine alone."""
    settings = options.settings(data=data, config=config, database_url=database_url, mqtt_url=mqtt_url)
    set_up("ingest", settings.log_level)
    held_data = open_data_dir(settings.data)
    _count_in(held_data)
    from runtime.wiring import run_ingest  # noqa: PLC0415 -- the metrics library reads its folder when it is imported

    try:
        asyncio.run(_until_stopped(run_ingest(settings, held_data)))
    except Fenced as error:
        raise StartError(str(error)) from error


def api(*, data: Data = None, http: Http = None, config: Config = None, database_url: DatabaseUrl = None) -> None:
    """Run the API and the pages alone."""
    settings = options.settings(data=data, http=http, config=config, database_url=database_url)
    set_up("api", settings.log_level)
    end_with_up()
    if DataDir(settings.data).metrics.is_dir():
        _count_in(DataDir(settings.data))
    from runtime.wiring import run_api  # noqa: PLC0415 -- as above

    try:
        asyncio.run(run_api(settings))
    except OSError as error:
        where = f"{settings.http_host}:{settings.http_port}"
        raise StartError(f"{where} cannot be listened on: {error.strerror}; see --http") from error


def migrate(
    *, data: Data = None, config: Config = None, database_url: DatabaseUrl = None, as_json: options.Json = False
) -> None:
    """Bring a database up to this program's schema."""
    settings = options.settings(data=data, config=config, database_url=database_url)
    applied = asyncio.run(run_migrations(database_of(settings)))
    if as_json:
        options.print_json({"applied": applied})
        return
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("nothing to do")


def demo(*, data: Data = None) -> None:
    """Let the demo's devices live. `up --demo` runs this."""
    settings = options.settings(data=data)
    set_up("demo", settings.log_level)
    end_with_up()
    from simulators.api_client import ApiError  # noqa: PLC0415 -- heavy, and this alone needs it

    try:
        asyncio.run(_until_stopped(_demo(settings)))
    except ApiError as error:
        raise StartError(f"the demo cannot be set up: {error}") from error


async def _demo(settings: Settings) -> None:
    from api.tokens import issue_token  # noqa: PLC0415 -- the same
    from simulators.demo import run  # noqa: PLC0415 -- the same
    from store.pool import connect  # noqa: PLC0415 -- the same

    now = datetime.now(UTC)
    async with await connect(database_of(settings), name="demo") as conn:
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
