"""`shouwang backup` and `shouwang restore`."""

from pathlib import Path
from typing import Annotated

import typer

from runtime import backup as backups
from runtime.commands import options
from runtime.commands.options import Config, Data, DatabaseUrl
from runtime.running import database_url as database_of

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(file: File, *, data: Data = None, config: Config = None, database_url: DatabaseUrl = None) -> None:
    """Write a backup of the database, while everything goes on."""
    settings = options.settings(data=data, config=config, database_url=database_url)
    backups.back_up(database_of(settings), file)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


def restore(
    file: File, *, data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A new directory, for `up`.")]
) -> None:
    """Make a new data directory of a backup."""
    backups.restore(file, data)
    typer.echo(f"restored: start it with `shouwang up --data {data}`")
