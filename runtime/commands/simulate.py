"""`shouwang simulate`."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from api.tokens import issue_token
from runtime.commands import options
from runtime.commands.options import Api, Config, Data, MqttUrl, TokenFile
from runtime.errors import StartError, WrongUse
from runtime.running import database_url, find, publisher_url
from runtime.settings import Settings
from simulators.api_client import ApiClient, ApiError
from simulators.check import Checked, run_checked
from simulators.link import BadLink, Link
from simulators.live import run_live
from simulators.record import Recorded, record
from simulators.scenario import Scenario
from simulators.scenario_file import ScenarioError, ScenarioFile, load, shipped
from simulators.shape import shaped
from store.pool import connect

Name = Annotated[str, typer.Argument(metavar="SCENARIO", help=f"A TOML file, or one of: {', '.join(shipped())}.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Another seed than the scenario's own.")]
Check = Annotated[bool, typer.Option("--check", help="Compare the alerts with the expected ones; exit code 1.")]
Into = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Write a recording at once, instead of living it.")
]


def simulate(
    scenario: Name,
    *,
    seed: Seed = None,
    check: Check = False,
    into: Into = None,
    data: Data = None,
    config: Config = None,
    api: Api = None,
    token_file: TokenFile = None,
    mqtt_url: MqttUrl = None,
    as_json: options.Json = False,
) -> None:
    """Let simulated homes and institutions live, over real MQTT and the public API; or record days of them at once."""
    if check and into is not None:
        raise WrongUse("--check is about a live run, --record makes none: give one of them")
    try:
        file = load(scenario)
    except ScenarioError as error:
        raise WrongUse(str(error)) from error
    number = file.head.seed if seed is None else seed
    if into is not None:
        _record(file, number, into, as_json=as_json)
        return
    settings = options.settings(data=data, config=config, mqtt_url=mqtt_url)
    _live(file, number, settings, _api(settings, api, token_file), check=check, as_json=as_json)


def _record(file: ScenarioFile, seed: int, path: Path, *, as_json: bool) -> None:
    story = shaped(file, mode="record", seed=seed)
    try:
        result = _with_progress(story, path, seed)
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}") from error
    if as_json:
        options.print_json({"scenario": file.name, "seed": seed, **asdict(result)})
    else:
        typer.echo(f"{result.lines} lines, {result.events} events, {result.planted} planted: {', '.join(result.files)}")


def _with_progress(story: Scenario, path: Path, seed: int) -> Recorded:
    console = Console(stderr=True)
    total = None if story.lasts is None else story.lasts.total_seconds()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("recording", total=total)
        return record(story, path, seed=seed, show=lambda moment: bar.update(task, completed=moment.total_seconds()))


def _live(file: ScenarioFile, seed: int, settings: Settings, api: ApiClient, *, check: bool, as_json: bool) -> None:
    story = shaped(file, mode="live", seed=seed)
    try:
        # Devices log in with credentials of their own: of the URL, its place alone is used.
        broker = Link.from_url(publisher_url(settings), ca_file=settings.mqtt_ca_file)
        result = asyncio.run(_played(story, api, broker, seed, check=check))
    except BadLink as error:
        raise WrongUse(str(error)) from error
    except (ApiError, OSError) as error:
        raise StartError(f"the scenario cannot be played: {error}") from error
    shown = {"scenario": file.name, "seed": seed, **_told(result)}
    if as_json:
        options.print_json(shown)
    elif result is not None:
        _tell(file, result)
    if result is not None and not result.ok:
        raise typer.Exit(1)


async def _played(story: Scenario, api: ApiClient, broker: Link, seed: int, *, check: bool) -> Checked | None:
    if check:
        return await run_checked(story, api=api, broker=broker, seed=seed)
    await run_live(story, api=api, broker=broker, seed=seed)
    return None


def _told(result: Checked | None) -> dict[str, Any]:
    if result is None:
        return {"ok": True}
    differences = {kind: [asdict(d) for d in result.differences if d.kind == kind] for kind in KINDS}
    return {"ok": result.ok, "expected": result.expected, "seen": len(result.alerts), **differences}


KINDS = ("missing", "wrong", "unexpected")


def _tell(file: ScenarioFile, result: Checked) -> None:
    for difference in result.differences:
        typer.echo(f"{difference.kind}: {difference.said}")
    verdict = "as expected" if result.ok else f"{len(result.differences)} differences"
    typer.echo(f"{file.name}: {result.expected} alerts expected, {len(result.alerts)} seen: {verdict}")


def _api(settings: Settings, api: str | None, token_file: Path | None) -> ApiClient:
    """The API that is named, with its token; or that of the running parts, with a token of an hour."""
    try:
        if api is not None:
            return ApiClient(api, _token(token_file))
        running = find(settings)
        if running is None:
            raise StartError(f"nothing runs on {settings.data}: give --data DIR, or --api, --token-file and --mqtt-url")
        return ApiClient(running.http_url, asyncio.run(_issued(database_url(settings))))
    except ValueError as error:
        raise WrongUse(f"--api: {error}") from error


async def _issued(url: str) -> str:
    now = datetime.now(UTC)
    async with await connect(url, name="simulate") as conn:
        _, token = await issue_token(conn, role="admin", expires_at=now + timedelta(hours=12), now=now)
    return token


def _token(path: Path | None) -> str:
    if path is None:
        raise WrongUse("--api needs --token-file")
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"--token-file: {path} cannot be read: {error}") from error
