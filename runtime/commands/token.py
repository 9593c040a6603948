"""`shouwang token`."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from api.tokens import ROLES, BadToken, issue_token
from devices.durations import parse_duration
from runtime.commands import options
from runtime.commands.options import Config, Data, DatabaseUrl
from runtime.errors import WrongUse
from runtime.running import database_url as database_of
from store.pool import connect

app = typer.Typer(no_args_is_help=True, help="Tokens for programs.")

Role = Annotated[str, typer.Option("--role", help=f"One of: {', '.join(ROLES)}.")]
Name = Annotated[str | None, typer.Option("--name", help="How the principal is shown; made up where missing.")]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="DURATION", help="Such as 12h or 30d; never without.")
]


@app.callback()
def tokens() -> None:
    """Tokens for programs."""


@app.command()
def issue(
    *,
    role: Role,
    name: Name = None,
    expires: Expires = None,
    data: Data = None,
    config: Config = None,
    database_url: DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Make a principal of its own and print its token alone; it cannot be shown again."""
    settings = options.settings(data=data, config=config, database_url=database_url)
    try:
        shown, token = asyncio.run(_issue(database_of(settings), role, name, expires))
    except BadToken as error:
        raise WrongUse(str(error)) from error
    if as_json:
        options.print_json({"name": shown, "role": role, "token": token})
    else:
        typer.echo(token)


async def _issue(url: str, role: str, name: str | None, expires: str | None) -> tuple[str, str]:
    now = datetime.now(UTC)
    async with await connect(url, name="token") as conn:
        principal, token = await issue_token(conn, role=role, name=name, expires_at=_end(now, expires), now=now)
    return principal.name, token


def _end(now: datetime, expires: str | None) -> datetime | None:
    if expires is None:
        return None
    try:
        return now + timedelta(microseconds=parse_duration(expires))
    except ValueError as error:
        raise WrongUse(f"--expires: {error}") from error
