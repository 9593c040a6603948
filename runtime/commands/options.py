"""Options that several commands share, and the settings made from them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import Settings, load

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data directory; finds the parts that run on it.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in TOML.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", metavar="URL", help="PostgreSQL 15 or newer instead of the embedded one."),
]
MqttUrl = Annotated[
    str | None, typer.Option("--mqtt-url", metavar="URL", help="An MQTT broker instead of the embedded one.")
]
Http = Annotated[int | None, typer.Option("--http", metavar="PORT", help="Port of the API and the pages.")]
Mqtt = Annotated[int | None, typer.Option("--mqtt", metavar="PORT", help="Port of the embedded broker.")]
Api = Annotated[
    str | None, typer.Option("--api", metavar="URL", help="Another server's API, such as http://host:8420.")
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help="File that holds the token for --api.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def settings(
    *,
    data: Path | None = None,
    config: Path | None = None,
    http: int | None = None,
    mqtt: int | None = None,
    database_url: str | None = None,
    mqtt_url: str | None = None,
) -> Settings:
    """The settings with what the command line says first. Raises `WrongUse`."""
    options = {
        "data": data,
        "http_port": http,
        "mqtt_port": mqtt,
        "database_url": database_url,
        "mqtt_url": mqtt_url,
    }
    return load(options, config=config)


def print_json(value: object) -> None:
    """Print one JSON object for a program that reads it."""
    typer.echo(json.dumps(value, ensure_ascii=False))
