"""`shouwang backtest`, as a command over real files, and against the live engine on a real database."""

import json
import random
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.live import LiveEngine
from alerts.read import AlertFilters, list_alerts
from alerts.schedule import micros
from devices.references import parse_registry
from devices.registry import import_registry
from devices.registry_memory import registry_entry
from devices.scope import Scope
from runtime.backtest import Backtest
from runtime.backtest_files import rules_of
from runtime.cli import app
from runtime.errors import WrongUse
from simulators.record import record
from simulators.recording import Line, read_recording
from simulators.scenario_file import load
from simulators.shape import shaped
from store.head import read_input
from store.pool import Connection, Pool
from tests.engine_parts import at
from tests.live_parts import Home
from tests.recorded import watched
from tests.stack import SHOUWANG

REGISTRY = """
[[site]]
code = "h1"
kind = "home"
timezone = "Asia/Shanghai"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "entrance"
[[place]]
site = "h1"
code = "bed-1"
kind = "bed"
[[resident]]
code = "r1"
site = "h1"
bed = "bed-1"
flags = ["lives_alone"]
[[device]]
site = "h1"
code = "gw-1"
kind = "gateway"
heartbeat = "60s"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
power = "battery"
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "r1"
power = "battery"
"""
# Minutes since 20:00, device, channel, payload.
DAY: list[tuple[float, str, str, Any]] = [
    (0, "mag-1", "event", {"type": "door.opened", "seq": 1, "boot": "a"}),
    (1, "mag-1", "event", {"type": "door.closed", "seq": 2, "boot": "a"}),
    (1, "mag-1", "event", {"type": "door.closed", "seq": 2, "boot": "a"}),
    (5, "mag-1", "event", {"type": "door.opened", "seq": 3, "boot": "a"}),
    (30, "sos-1", "event", {"type": "sos.pressed"}),
    (30, "sos-1", "event", {"type": "sos.pressed"}),
    (45, "mag-1", "event", {"type": "door.closed", "seq": 4, "boot": "a"}),
    (60, "gw-1", "heartbeat", {}),
    (61, "gw-1", "heartbeat", {}),
    (150, "gw-1", "heartbeat", {}),
    (151, "gw-1", "status", "offline"),
    (152, "gw-1", "status", "online"),
    (200, "mag-1", "event", {"type": "no.such", "seq": 5, "boot": "a"}),
    (210, "mag-1", "event", {"typ": "door.opened"}),
    (211, "lost-1", "event", {"type": "door.opened"}),
    (700, "sos-1", "event", {"type": "battery.low"}),
    (1440, "mag-1", "event", {"type": "door.opened", "seq": 6, "boot": "a"}),
]  # fmt: skip


EARLIER, LATER = (
    json.dumps({"at": f"2026-11-23T20:0{n}:00+08:00", "topic": "a/b", "payload": {}}) + "\n" for n in range(2)
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a recording and its registry."""
    begin = at("20:00")
    lines = [
        {
            "at": (begin + timedelta(minutes=m)).isoformat(),
            "topic": f"shouwang/v1/h1/{device}/{channel}",
            "payload": said,
        }
        for m, device, channel, said in DAY
    ]
    (tmp_path / "day.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "registry.toml").write_text(REGISTRY)
    return tmp_path


def backtest(folder: Path, *more: str, recording: str = "day.jsonl") -> str:
    """What the command prints, in this process. Raises `WrongUse`."""
    given = [str(folder / recording), "--registry", str(folder / "registry.toml"), *more]
    done = CliRunner().invoke(app, ["backtest", *given], catch_exceptions=True)
    if isinstance(done.exception, WrongUse):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def alerts_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def short(alert: dict[str, Any]) -> str:
    return f"{alert['rule']} {alert['severity']} {alert['raised_at'][11:16]} {alert['condition']} {alert['handling']}"


DAYS_ALERTS = [
    "D-03 P3 20:15 cleared closed",
    "S-01 P1 20:30 active new",
    "H-01 P3 21:31 cleared closed",
    "H-01 P3 23:02 active new",
    "A-01 P2 04:45 cleared new",
    "H-03 P3 07:40 active new",
]


def test_a_recording_gives_its_alerts(files: Path) -> None:
    """Every alert a line, as the API tells it; what cannot be decoded is counted and stops nothing."""
    output = files / "alerts.jsonl"
    told = json.loads(backtest(files, "--json", "--output", str(output)))
    alerts = alerts_in(output)
    assert [short(alert) for alert in alerts] == DAYS_ALERTS
    assert (alerts[1]["occurrences"], alerts[1]["resident"], alerts[1]["subject"]["code"]) == (2, "r1", "r1")
    assert (told["lines"], told["duplicates"], told["alerts"]) == (len(DAY), 1, len(alerts))
    assert told["quarantined"] == {"missing_type": 1, "unknown_device": 1}
    assert "1 unknown_device" in backtest(files, "--output", str(output))


def test_the_command_in_a_folder(files: Path) -> None:
    """It writes alerts.jsonl where it stands; what is wrong is told in a sentence, exit code 2."""
    call = [*SHOUWANG, "backtest", "day.jsonl", "--registry"]
    subprocess.run([*call, "registry.toml"], cwd=files, check=True, capture_output=True, timeout=200)
    assert [short(alert) for alert in alerts_in(files / "alerts.jsonl")] == DAYS_ALERTS
    wrong = subprocess.run([*call, "nowhere.toml"], cwd=files, check=False, capture_output=True, text=True, timeout=200)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "shouwang: registry nowhere.toml cannot be read: No such file or directory\n",
    )


def test_an_empty_recording_gives_an_empty_file(files: Path) -> None:
    """The output is there, also without alerts."""
    (files / "empty.jsonl").write_text("\n")
    backtest(files, "--output", str(files / "none.jsonl"), recording="empty.jsonl")
    assert (files / "none.jsonl").read_bytes() == b""


@pytest.mark.parametrize("seed", range(6))
def test_any_cut_gives_the_same_bytes(seed: int) -> None:
    """Taken whole, line by line or by some, with doors in random use: the same documents, their event ids too."""
    dice = random.Random(seed)  # noqa: S311 -- a seeded choice of tests, no secret
    lines = sorted(_random_lines(dice), key=lambda line: line.at)
    registry = parse_registry(REGISTRY, file="registry.toml")
    results = [
        Backtest(registry, *rules_of(None, registry)).run(lines, batch=batch)
        for batch in (10_000, 1, 2, dice.randrange(3, 60))
    ]
    assert results[0].documents
    assert all(result == results[0] for result in results[1:])


def _random_lines(dice: random.Random) -> Iterator[Line]:
    """Events on time and late, doors slammed within a second, beats with holes, goodbyes."""
    for n in range(400):
        minute = dice.choice([dice.randrange(3000), dice.randrange(200)]) + dice.choice([0, 0, 1 / 60, 1 / 7])
        when, lag = at("20:00") + timedelta(minutes=minute), timedelta(minutes=dice.choice([0, 0, 0, 0.01, 7, 90]))
        device, what = dice.choice([("mag-1", "door.opened"), ("mag-1", "door.closed"), ("sos-1", "tamper.detected")])
        payload: Any = {"type": what, "at": (when - lag).isoformat(), "id": str(n)}
        if dice.random() < 0.4:
            device, what = dice.choice([("gw-1", "heartbeat")] * 9 + [("gw-1", "status")])
            payload = {} if what == "heartbeat" else dice.choice(["offline", "online"])
        channel = what if what in {"heartbeat", "status"} else "event"
        said = payload if isinstance(payload, str) else json.dumps(payload)
        yield Line(at=when, topic=f"shouwang/v1/h1/{device}/{channel}", payload=said.encode())


def test_rules_of_a_file_change_the_thresholds(files: Path) -> None:
    """Each override in its scope; a rule that is switched off raises nothing."""
    (files / "rules.toml").write_text(RULES)
    backtest(files, "--rules", str(files / "rules.toml"), "--output", str(files / "out"))
    assert [short(alert) for alert in alerts_in(files / "out")] == [
        "D-03 P2 20:07 cleared new", "S-01 P1 20:30 active new", "A-01 P1 22:45 cleared new",
        "H-03 P3 07:40 active new",
    ]  # fmt: skip


RULES = """
[[override]]
rule = "D-03"
scope = "place:h1/door-1"
set = { after = "2min", severity = "P2" }
[[override]]
rule = "H-01"
scope = "*"
enabled = false
[[override]]
rule = "A-01"
scope = "resident:r1"
set = { after = "2h", steps = [{ after = "3h", severity = "P2" }, { after = "4h", severity = "P1" }] }
"""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("day.jsonl", '{"at":"2026-11-23T20:00:00+08:00","topic":"x","payload":{}}\n{"at":1}\n', "line 2"),
        ("day.jsonl", LATER + EARLIER, "line 2: its time is before that of line 1"),
        ("registry.toml", "[[site]]\ncode = 'h1'\n", "[[site]] 1: kind: is required"),
        ("registry.toml", "[[site", "no TOML"),
        ("rules.toml", "[[rule]]\ncode = 'X-1'\n", "unknown table 'rule'"),
        ("rules.toml", "override = 1", "written as [[override]]"),
        ("rules.toml", "[[override]]\nscope = '*'\n", "[[override]] 1: rule: None is no rule"),
        ("rules.toml", "[[override]]\nrule = 'D-03'\nscope = 'site:h9'\n", "the registry knows no site:h9"),
        ("rules.toml", "[[override]]\nrule = 'D-03'\nscope = '*'\nset = { after = '5m' }\n", "set.after"),
        ("rules.toml", "[[override]]\nrule = 'S-01'\nscope = '*'\nenabled = false\n", "never switched off"),
        ("rules.toml", "\x00", "no TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(files: Path, name: str, text: str, said: str) -> None:
    """File, line or row, and key; no output is written."""
    (files / name).write_text(text)
    rules = ("--rules", str(files / name)) if name == "rules.toml" else ()
    with pytest.raises(WrongUse) as error:
        backtest(files, *rules, "--output", str(files / "out"))
    assert said in str(error.value)
    assert not (files / "out").exists()


@pytest.mark.parametrize("wrong", ["recording", "output"])
def test_files_that_are_not_there(files: Path, wrong: str) -> None:
    """A recording that does not exist, an output that cannot be written."""
    with pytest.raises(WrongUse, match=r"there is no such recording|cannot be written"):
        backtest(
            files, "--output", str(files / "no" / "out"), recording="no.jsonl" if wrong == "recording" else "day.jsonl"
        )


async def test_a_registry_file_is_what_an_import_logs(pool: Pool) -> None:
    """Row by row, but for the numbers that the database gives and the moment of the import."""
    async with pool.connection() as conn:
        await import_registry(conn, REGISTRY, file="registry.toml", by="test", now=at("20:00"))
        (entry,) = await read_input(conn, 0)
    ours = registry_entry(parse_registry(REGISTRY, file="registry.toml"), since=micros(at("20:00")))
    assert _by_code(ours) == _by_code(entry.body["upsert"])


def _by_code(upsert: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    codes = {(table, row["id"]): row["code"] for table, rows in upsert.items() for row in rows}
    refers = {"site": "site", "place": "place", "bed": "place", "resident": "resident", "gateway": "device"}
    return {
        table: {
            row["code"]: {k: codes.get((refers[k], v), v) if k in refers else v for k, v in row.items() if k != "id"}
            for row in rows
        }
        for table, rows in upsert.items()
    }  # fmt: skip


async def test_the_live_engine_says_the_same(pool: Pool, files: Path) -> None:
    """The recording written through a real database, with the same watermarks: the same documents but for numbers."""
    lines = [line for line in read_recording(files / "day.jsonl") if line.topic.endswith("mag-1/event")]
    lines = [line for line in lines if b"door" in line.payload and b'"type"' in line.payload]
    registry = parse_registry(REGISTRY, file="registry.toml")
    quiet = {"H-01": [{"scope": "*", "id": 0, "enabled": False}]}
    recorded = Backtest(registry, rules_of(None, registry)[0], quiet).run(lines).documents
    async with pool.connection() as conn:
        home = await _played(conn, lines)
        page = await list_alerts(conn, Scope.DISTRICT, AlertFilters(), cursor=None, limit=100, now=at("20:00", 24))
    assert home.engine.position
    assert _compared(page.items) == _compared(recorded)
    assert len(recorded) == 2


async def _played(conn: Connection, lines: list[Line]) -> Home:
    engine = LiveEngine()
    await engine.bootstrap(conn)
    await import_registry(conn, REGISTRY, file="registry.toml", by="test", now=lines[0].at)
    devices = {row["code"]: row["id"] for row in await (await conn.execute("SELECT code, id FROM device")).fetchall()}
    home = Home(conn, engine, devices)
    told: set[bytes] = set()
    for line in lines:
        await home.run(watermark=line.at)
        if line.payload not in told:
            told.add(line.payload)
            await home.run(("mag-1", json.loads(line.payload)["type"], line.at))
    return home


def _compared(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    left = ("id", "evidence", "inhibits")
    known = [{k: v for k, v in d.items() if k not in left} for d in documents]
    return sorted(known, key=lambda d: (d["raised_at"], d["rule"]))


async def test_ingest_and_engine_say_the_same_of_a_scenario(pool: Pool, tmp_path: Path) -> None:
    """Every fault there is, written by ingest into a real database: the same alerts, moments and counts."""
    file = load("every-fault")
    scenario = shaped(file, mode="record", seed=file.head.seed)
    record(scenario, tmp_path / "r", seed=1)
    registry = parse_registry(scenario.world.registry(), file="registry.toml")
    rules = rules_of(tmp_path / "r.rules.toml", registry)
    result = Backtest(registry, *rules).run(read_recording(tmp_path / "r"))
    async with pool.connection() as conn:
        came = await watched(conn, scenario, step=timedelta(seconds=2))
    assert result.documents
    assert [_said(d) for d in result.documents] == sorted((_said(d) for d in came.alerts), key=lambda d: d["id"])
    assert (result.events, sum(result.quarantined.values())) == (came.events, came.quarantined)


def _said(document: dict[str, Any]) -> dict[str, Any]:
    told = ("id", "rule", "severity", "subject", "site", "resident", "raised_at", "occurrences", "condition", "flags")
    return {key: document[key] for key in told}
