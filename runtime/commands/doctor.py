"""`shouwang doctor`."""

import asyncio
import os
from pathlib import Path

import typer
from rich.console import Console

from ingest.address import BrokerAddress
from runtime.commands import options
from runtime.commands.options import Config, Data, DatabaseUrl, MqttUrl
from runtime.doctor.examination import document, examine
from runtime.doctor.patient import examined
from runtime.doctor.report import Checked
from runtime.errors import StartError, WrongUse
from runtime.layout import DataDir
from runtime.running import find
from runtime.settings import CONFIG, Settings


def doctor(
    *,
    data: Data = None,
    config: Config = None,
    database_url: DatabaseUrl = None,
    mqtt_url: MqttUrl = None,
    as_json: options.Json = False,
) -> None:
    """Examine an installation and name a remedy for each finding. Changes nothing; exit code 1 with a finding."""
    settings = options.settings(data=data, config=config, database_url=database_url, mqtt_url=mqtt_url)
    _check_broker(settings)
    # A database that is named here stands for itself, unless a directory is named beside it.
    folder = None if database_url and data is None else _folder(settings)
    named = config or (Path(os.environ[CONFIG]) if os.environ.get(CONFIG) else None)
    done = asyncio.run(_run(settings, folder, named))
    if as_json:
        options.print_json(document(done))
    else:
        _tell(done)
    if any(checked.failed for checked in done):
        raise typer.Exit(1)


def _check_broker(settings: Settings) -> None:
    try:
        if settings.mqtt_url is not None:
            BrokerAddress.parse(settings.mqtt_url.get_secret_value())
    except ValueError as error:
        raise WrongUse(f"mqtt_url: {error}") from error


def _folder(settings: Settings) -> DataDir | None:
    """The data directory, which must be one; none where the database is an external one and nothing lies there."""
    path = Path(os.path.realpath(settings.data.expanduser()))
    data = DataDir(path)
    try:
        if (path / "layout").is_file():
            for file in (data.parts_file, data.children_file):
                if file.exists():
                    file.open("rb").close()
            return data
    except PermissionError as error:
        raise StartError(f"{path} belongs to another user: run this as the user who runs `shouwang up`") from error
    if settings.database_url is not None:
        return None
    raise WrongUse(f"{path} is no data directory of Shouwang: name one with --data, or a database with --database-url")


async def _run(settings: Settings, data: DataDir | None, config: Path | None) -> list[Checked]:
    running = find(settings) if data is not None else None
    async with examined(settings, data=data, running=running, config=config) as patient:
        console = Console(stderr=True)
        if not console.is_terminal:
            return await examine(patient)
        with console.status("looking") as status:
            return await examine(patient, begins=lambda name: status.update(f"looking at {name}"))


def _tell(done: list[Checked]) -> None:
    for checked in done:
        typer.echo(f"{checked.name:<13} {_word(checked)}")
    found = [finding for checked in done for finding in checked.findings]
    for finding in found:
        note = " (a note)" if finding.level == "note" else ""
        typer.echo(f"\n{finding.check}{note}: {finding.says}\n    {finding.remedy}")
    count = sum(finding.level == "finding" for finding in found)
    typer.echo(f"\n{count} finding(s)" if count else "\nnothing found")


def _word(checked: Checked) -> str:
    if checked.skipped:
        return f"left out: {checked.skipped}"
    if checked.findings:
        return "see below"
    told = ", ".join(f"{key} {value}" for key, value in checked.facts.items() if isinstance(value, str | int))
    return f"fine ({told})" if told else "fine"
