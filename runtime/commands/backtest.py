"""`shouwang backtest`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from runtime.backtest import BATCH, Backtest, Result
from runtime.backtest_files import registry_of, rules_of
from runtime.commands import options
from runtime.errors import WrongUse
from simulators.recording import Line, RecordingError, read_recording

OUTPUT = Path("alerts.jsonl")

Recording = Annotated[Path, typer.Argument(metavar="RECORDING", help="JSON Lines of at, topic and payload.")]
RegistryFile = Annotated[Path, typer.Option("--registry", metavar="FILE", help="Who and what is recorded, in TOML.")]
RulesFile = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="Overrides of the catalogue, in TOML: [[override]].")
]
Output = Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the alerts go, one a line.")]
Batch = Annotated[int, typer.Option("--batch", metavar="N", min=1, hidden=True, help="Lines taken at once.")]


def backtest(
    recording: Recording,
    *,
    registry: RegistryFile,
    rules: RulesFile = None,
    output: Output = OUTPUT,
    batch: Batch = BATCH,
    as_json: options.Json = False,
) -> None:
    """Play a recording to the rules, without a broker or a database, and write the alerts that they raise."""
    if not recording.is_file():
        raise WrongUse(f"{recording}: there is no such recording")
    known = registry_of(registry)
    catalogue, overrides = rules_of(rules, known)
    try:
        result = _with_progress(Backtest(known, catalogue, overrides), recording, batch)
    except RecordingError as error:
        raise WrongUse(str(error)) from error
    _write(output, result)
    if as_json:
        options.print_json(_summary(result, output))
    else:
        _tell(result, output)


def _with_progress(test: Backtest, path: Path, batch: int) -> Result:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("backtest", total=None)

        def show(count: int, line: Line) -> None:
            bar.update(task, description=f"{count} lines, {line.at:%Y-%m-%d %H:%M}")

        return test.run(_forward(path), batch=batch, show=show)


def _forward(path: Path) -> Iterator[Line]:
    """The lines, as long as their times do not go backwards."""
    last: Line | None = None
    for line in read_recording(path):
        if last is not None and line.at < last.at:
            raise RecordingError(f"{path}, line {line.number}: its time is before that of line {last.number}")
        last = line
        yield line


def _write(path: Path, result: Result) -> None:
    try:
        with path.open("wb") as file:
            file.writelines(msgspec.json.encode(document) + b"\n" for document in result.documents)
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}") from error


def _summary(result: Result, output: Path) -> dict[str, Any]:
    rules: dict[str, Counter[str]] = {}
    for document in result.documents:
        rules.setdefault(document["rule"], Counter())[document["severity"]] += 1
    return {
        "lines": result.lines,
        "events": result.events,
        "duplicates": result.duplicates,
        "quarantined": result.quarantined,
        "alerts": len(result.documents),
        "rules": {code: dict(sorted(counts.items())) for code, counts in sorted(rules.items())},
        "output": str(output),
    }


def _tell(result: Result, output: Path) -> None:
    summary = _summary(result, output)
    table = Table("rule", "P1", "P2", "P3", "P4")
    for code, counts in summary["rules"].items():
        table.add_row(code, *(str(counts.get(f"P{n}", "")) for n in range(1, 5)))
    Console().print(table)
    quarantined = sum(result.quarantined.values())
    typer.echo(
        f"{result.lines} lines, {result.events} events, {result.duplicates} duplicates, {quarantined} quarantined"
        + "".join(f", {count} {reason}" for reason, count in result.quarantined.items())
    )
    typer.echo(f"{summary['alerts']} alerts in {output}; what falls due after the last line is not raised")
