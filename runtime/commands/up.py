"""`shouwang up`."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from runtime.commands import options
from runtime.commands.options import Config, Data, DatabaseUrl, Http, Mqtt, MqttUrl
from runtime.layout import fresh_metrics, held, open_data_dir
from runtime.logs import set_up
from runtime.running import Running
from runtime.settings import CONFIG

Demo = Annotated[bool, typer.Option("--demo", help="Load two demo sites and let them live.")]


def up(
    *,
    data: Data = None,
    http: Http = None,
    mqtt: Mqtt = None,
    demo: Demo = False,
    config: Config = None,
    database_url: DatabaseUrl = None,
    mqtt_url: MqttUrl = None,
) -> None:
    """Run everything: database, broker, ingest, API and pages. Prints a link that signs in once."""
    settings = options.settings(
        data=data, http=http, mqtt=mqtt, config=config, database_url=database_url, mqtt_url=mqtt_url
    )
    set_up("up", settings.log_level)
    if config is not None:
        os.environ[CONFIG] = str(config.resolve())
    held_data = open_data_dir(settings.data)
    with held(held_data):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(fresh_metrics(held_data))
        from runtime.up import up as run  # noqa: PLC0415 -- the metrics library reads its folder when it is imported

        asyncio.run(run(settings, held_data, demo=demo, announce=_announce))


async def _announce(running: Running) -> None:
    from api.tokens import issue_link, link_url  # noqa: PLC0415 -- as above
    from store.pool import connect  # noqa: PLC0415 -- as above

    async with await connect(running.database_url, name="up") as conn:
        secret = await issue_link(conn, role="admin", now=datetime.now(UTC))
    typer.echo(f"Shouwang keeps watch: {running.http_url}")
    typer.echo(f"Sign in (works once, for 30 minutes): {link_url(running.http_url, secret)}")
