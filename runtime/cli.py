"""The command line. Exit codes: 0 fine, 1 what was asked for failed, 2 wrong use."""

import typer

from runtime.commands import backtest, backup, bench, doctor, play, registry, serve, simulate, token, up
from runtime.errors import told

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
app.command()(serve.watch)
app.command()(serve.migrate)
app.command()(play.play)
app.command()(backtest.backtest)
app.command()(bench.bench)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(simulate.simulate)
app.add_typer(token.app, name="token")
app.add_typer(registry.app, name="registry")


def main() -> None:
    """The entry point: what stands in the way is told in a sentence, not in a traceback."""
    with told():
        app()
