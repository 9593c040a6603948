"""The command line. Exit codes: 0 fine, 1 what was asked for failed, 2 wrong use."""

import sys

import typer

from runtime.commands import play, registry, serve, token, up
from runtime.errors import StartError, WrongUse
from store.errors import StoreError

app = typer.Typer(
    name="shouwang",
    help="Shouwang (守望) keeps watch: sensor events over MQTT in, alerts on the duty desk out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up.up)
app.command()(serve.ingest)
app.command()(serve.api)
app.command()(serve.migrate)
app.command(hidden=True)(serve.demo)
app.command()(play.play)
app.add_typer(token.app, name="token")
app.add_typer(registry.app, name="registry")


def main() -> None:
    """The entry point: what stands in the way is told in a sentence, not in a traceback."""
    try:
        app()
    except WrongUse as error:
        _end(str(error), 2)
    except (StartError, StoreError) as error:
        _end(str(error), 1)


def _end(text: str, code: int) -> None:
    print(f"shouwang: {text}", file=sys.stderr)  # noqa: T201 -- this is the program's answer
    sys.exit(code)
