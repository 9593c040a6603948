"""The backtest as its users run it: the command, on a recording and a registry in files."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from runtime.bench.report import Line, number
from runtime.bench.speech import Speech
from runtime.bench.world import World
from runtime.errors import StartError
from runtime.settings import PREFIX

LINE_MICROS = 20_000
LIMIT_SECONDS = 1800.0
_TAIL = 1000
# What a registry file names by codes, and what it leaves out.
_KEYS = {
    "site": ("code", "kind", "street", "timezone"),
    "place": ("site", "code", "kind", "role"),
    "resident": ("code", "site"),
    "device": ("site", "code", "kind", "power"),
}


class Backtest(NamedTuple):
    """Events a second of CPU time, start of the program included."""

    per_s: float
    events: int
    devices: int
    seconds: float


async def command_rate(world: World, count: int) -> Backtest:
    """Write a recording and its registry, and run the command on them. Raises `StartError` where it fails."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as folder:
        recording, registry = Path(folder, "recording.jsonl"), Path(folder, "registry.toml")
        await asyncio.to_thread(write_files, Speech(world, count, boot="backtest"), recording, registry)
        cpu = await asyncio.to_thread(_run, recording, registry, Path(folder, "alerts.jsonl"))
    return Backtest(count / cpu, count, world.devices, cpu)


def _run(recording: Path, registry: Path, output: Path) -> float:
    """Seconds of CPU time that the command took."""
    argv = [sys.executable, "-P", "-m", "runtime", "backtest", str(recording), "--registry", str(registry)]
    plain = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    before = os.times()
    done = subprocess.run(  # noqa: S603 -- this program itself
        [*argv, "--output", str(output)], env=plain, capture_output=True, check=False, timeout=LIMIT_SECONDS
    )
    after = os.times()
    if done.returncode or not output.exists():
        said = done.stderr.decode(errors="replace")[-_TAIL:]
        raise StartError(f"`shouwang backtest` ended with {done.returncode}: {said}")
    return after.children_user + after.children_system - before.children_user - before.children_system


def write_files(speech: Speech, recording: Path, registry: Path) -> None:
    """A recording of a speech, its messages 20 ms apart, and the registry that it belongs to.

    It holds no heartbeats, so no device is registered to send any: none falls silent.
    """
    with registry.open("w", encoding="utf-8") as file:
        file.writelines(registry_rows(speech.world))
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(microseconds=LINE_MICROS * speech.count)
    with recording.open("w", encoding="utf-8") as file:
        file.writelines(_line(speech, k, begin + timedelta(microseconds=LINE_MICROS * k)) for k in range(speech.count))


def _line(speech: Speech, k: int, at: datetime) -> str:
    device, said = k % speech.world.devices, k // speech.world.devices
    payload = speech.payload(device, said, at=round(at.timestamp() * 1000))
    when = at.isoformat(timespec="milliseconds")
    return f'{{"at":"{when}","topic":"{speech.world.topic(device)}","payload":{payload}}}\n'


def registry_rows(world: World) -> Iterator[str]:
    """The registry as a file of TOML, row by row."""
    for tables in world.slices():
        sites = {row["id"]: row["code"] for row in tables["site"]}
        places = {row["id"]: row["code"] for row in tables["place"]}
        residents = {row["id"]: row["code"] for row in tables["resident"]}
        for table, keys in _KEYS.items():
            for row in tables[table]:
                told = {key: row[key] for key in keys if row[key] is not None}
                if "site" in told:
                    told["site"] = sites[row["site"]]
                if table == "device":
                    told |= _standing(row, places, residents) | {"heartbeat": "0s"}
                yield f"[[{table}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())


def _standing(row: dict[str, Any], places: dict[int, str], residents: dict[int, str]) -> dict[str, str]:
    if row["place"] is not None:
        return {"place": places[row["place"]]}
    return {"resident": residents[row["resident"]]} if row["resident"] is not None else {}


def command_line(done: Backtest) -> Line:
    return Line(
        name="backtest, command",
        figure=f"{number(done.per_s)} events/s a core",
        measured=f"{done.events:,} events of {done.devices:,} devices from a recording; CPU time, start included",
        parts="`shouwang backtest` as a process of its own",
        note=f"{done.seconds:.1f} s of CPU time",
    )
