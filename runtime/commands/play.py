"""`shouwang play`."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from runtime.commands import options
from runtime.commands.options import Config, Data, MqttUrl
from runtime.errors import StartError, WrongUse
from runtime.running import publisher_url
from simulators.link import BadLink
from simulators.play import PlayError
from simulators.play import play as run
from simulators.recording import RecordingError

Recording = Annotated[Path, typer.Argument(metavar="RECORDING", help="JSON Lines of at, topic and payload.")]
Speed = Annotated[float, typer.Option("--speed", metavar="N", help="How many times as fast as it was recorded.")]
Rebase = Annotated[bool, typer.Option("--rebase", help="Move all times so that it ends about now.")]


def play(
    recording: Recording,
    *,
    speed: Speed = 1.0,
    rebase: Rebase = False,
    data: Data = None,
    config: Config = None,
    mqtt_url: MqttUrl = None,
    as_json: options.Json = False,
) -> None:
    """Publish a recording; returns once every message is acknowledged."""
    if not recording.is_file():
        raise WrongUse(f"{recording}: there is no such recording")
    settings = options.settings(data=data, config=config, mqtt_url=mqtt_url)
    console = Console(stderr=True)
    url, ca_file = publisher_url(settings), settings.mqtt_ca_file
    shown = console if console.is_terminal else None
    try:
        result = asyncio.run(run(recording, mqtt_url=url, ca_file=ca_file, speed=speed, rebase=rebase, console=shown))
    except (BadLink, ValueError) as error:
        raise WrongUse(str(error)) from error
    except (RecordingError, PlayError) as error:
        raise StartError(str(error)) from error
    if as_json:
        options.print_json(asdict(result))
    else:
        typer.echo(f"{result.messages} messages acknowledged in {result.seconds:.1f} s, {result.resent} sent again")
