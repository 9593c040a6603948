"""One part each, for separate processes: `ingest`, `api`, `watch`, and `migrate`."""

import asyncio

import typer

from runtime import serving
from runtime.commands import options
from runtime.commands.options import Config, Data, DatabaseUrl, Http, MqttUrl
from runtime.running import database_url as database_of
from store.migrations import migrate as run_migrations


def ingest(
    *, data: Data = None, config: Config = None, database_url: DatabaseUrl = None, mqtt_url: MqttUrl = None
) -> None:
    """Run ingest with the rule engine alone."""
    serving.ingest(options.settings(data=data, config=config, database_url=database_url, mqtt_url=mqtt_url))


def api(
    *,
    data: Data = None,
    http: Http = None,
    config: Config = None,
    database_url: DatabaseUrl = None,
    mqtt_url: MqttUrl = None,
) -> None:
    """Run the API and the pages alone."""
    serving.api(options.settings(data=data, http=http, config=config, database_url=database_url, mqtt_url=mqtt_url))


def watch(
    *, data: Data = None, config: Config = None, database_url: DatabaseUrl = None, mqtt_url: MqttUrl = None
) -> None:
    """Run the watch alone: it hears emergencies whatever is down, and tells when a part stands still."""
    serving.watch(options.settings(data=data, config=config, database_url=database_url, mqtt_url=mqtt_url))


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
