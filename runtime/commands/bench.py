"""`shouwang bench`."""

import asyncio
import signal
from typing import Annotated

import typer
from rich.console import Console

from runtime.bench.ingest import Lost
from runtime.bench.plan import FULL, HEADLINE, QUICK, SUBJECTS, Bench, load_now
from runtime.bench.report import parts_of, table
from runtime.commands import options
from runtime.errors import WrongUse

Quick = Annotated[bool, typer.Option("--quick", help="Small sizes: shows that it works, not what is reached.")]
Only = Annotated[str | None, typer.Option("--only", metavar="LIST", help=f"Some of: {','.join(SUBJECTS)}.")]


def bench(*, quick: Quick = False, only: Only = None, as_json: options.Json = False) -> None:
    """Measure what this machine reaches, on parts of its own; exit code 1 where anything was lost."""
    chosen = _chosen(only)
    console = Console(stderr=True)
    before = load_now()
    with console.status("measuring") as status:
        measuring = Bench(QUICK if quick else FULL, chosen, status.update if console.is_terminal else _silent)
        asyncio.run(_run(measuring))
    report = measuring.report
    parts = parts_of(HEADLINE, [before, load_now()]) | {"sizes": "quick" if quick else "full"}
    if as_json:
        options.print_json(report.document(parts))
    else:
        Console().print(table(report, parts))
    for wrong in report.wrong:
        typer.echo(f"shouwang: {wrong}", err=True)
    if report.wrong:
        raise typer.Exit(1)


async def _run(measuring: Bench) -> None:
    """Measure until done, or until SIGTERM: then too every part that was started is ended."""
    task, loop = asyncio.create_task(measuring.run(), name="bench"), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except Lost as error:
        measuring.report.wrong.append(str(error))
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None


def _chosen(only: str | None) -> set[str]:
    if only is None:
        return set(SUBJECTS)
    chosen = {name.strip() for name in only.split(",") if name.strip()}
    if unknown := sorted(chosen - set(SUBJECTS)) or not chosen:
        named = ", ".join(unknown) if isinstance(unknown, list) else "nothing"
        raise WrongUse(f"--only: {named}: choose among {', '.join(SUBJECTS)}")
    return chosen


def _silent(_: str) -> None:
    pass
