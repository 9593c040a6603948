"""`shouwang registry`."""

import asyncio
import getpass
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from devices.registry import ImportResult, import_registry
from devices.registry_export import export_registry
from devices.registry_file import RegistryError
from runtime.commands import options
from runtime.commands.options import Api, Config, Data, DatabaseUrl, TokenFile
from runtime.errors import StartError, WrongUse
from runtime.running import database_url as database_of
from store.pool import connect

API_SECONDS = 120

app = typer.Typer(no_args_is_help=True, help="Sites, places, residents, devices and contacts.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A registry in TOML.")]


@app.callback()
def registry() -> None:
    """Sites, places, residents, devices and contacts."""


@app.command("import")
def import_file(
    file: File,
    *,
    data: Data = None,
    config: Config = None,
    database_url: DatabaseUrl = None,
    api: Api = None,
    token_file: TokenFile = None,
    as_json: options.Json = False,
) -> None:
    """Take over a registry file: all of it, or nothing and every mistake with its place."""
    text = _read(file)
    if api is not None:
        result = asyncio.run(_over_api(api, _token(token_file), text))
    else:
        settings = options.settings(data=data, config=config, database_url=database_url)
        result = asyncio.run(_into_database(database_of(settings), file, text))
    if as_json:
        options.print_json(result)
    else:
        typer.echo(", ".join(f"{count} {what}" for what, count in result.items()))


@app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the registry goes, in TOML.")],
    *,
    data: Data = None,
    config: Config = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write everything that is registered into a file, which imports again unchanged."""
    settings = options.settings(data=data, config=config, database_url=database_url)
    _write(file, asyncio.run(_from_database(database_of(settings))))


async def _from_database(url: str) -> str:
    async with await connect(url, name="registry") as conn:
        return await export_registry(conn)


def _write(path: Path, text: str) -> None:
    """Write for the owner's eyes alone: the file holds names, addresses and care records."""
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)  # also where the file was there before
        path.write_text(text, "utf-8")
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}") from error


async def _into_database(url: str, file: Path, text: str) -> dict[str, int]:
    async with await connect(url, name="registry") as conn:
        try:
            result = await import_registry(
                conn, text, file=file.name, by=f"command line ({getpass.getuser()})", now=datetime.now(UTC)
            )
        except RegistryError as error:
            raise StartError(str(error)) from error
    return _counts(result)


def _counts(result: ImportResult) -> dict[str, int]:
    return {"created": result.created, "updated": result.updated, "unchanged": result.unchanged}


async def _over_api(api: str, token: str, text: str) -> dict[str, int]:
    return await asyncio.to_thread(_post, api, token, text)


def _post(api: str, token: str, text: str) -> dict[str, int]:
    if not api.startswith(("http://", "https://")):
        raise WrongUse("--api: an address is written http://host:8420")
    request = urllib.request.Request(  # noqa: S310 -- the scheme is checked above
        f"{api.rstrip('/')}/api/v1/registry/import",
        data=text.encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/toml"},
    )
    try:
        with urllib.request.urlopen(request, timeout=API_SECONDS) as answer:  # noqa: S310 -- the same
            result: dict[str, int] = json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        raise StartError(f"the API answered {error.code}: {said}") from error
    except OSError as error:
        raise StartError(f"the API at {api} does not answer: {error}") from error
    return result


def _token(path: Path | None) -> str:
    if path is None:
        raise WrongUse("--api needs --token-file")
    return _read(path).strip()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path} is no UTF-8 text (byte {error.start})") from error
