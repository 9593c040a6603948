"""A running stack as its operator sees it: the doctor, the page of metrics, the logs."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.stack import SHOUWANG, Stack, running_stack
from tests.waiting import until

PERSONAL = ("王秀英", "13800138000", "阳光小区3号楼", "糖尿病", "under the pot", "she was fine and had tea")
REGISTRY = """
[[site]]
code = "h1"
kind = "home"
name = "王秀英家"
address = "阳光小区3号楼"
street = "street-1"
[[resident]]
code = "r1"
site = "h1"
name = "王秀英"
care = { conditions = "糖尿病", key_notes = "under the pot" }
[[contact]]
id = "c1"
resident = "r1"
name = "王强"
phone = "13800138000"
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "r1"
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with a home in it."""
    with running_stack() as running:
        running.register(REGISTRY)
        yield running


def doctor(*options: str | Path) -> tuple[int, dict[str, Any]]:
    """The exit code and what is told in JSON."""
    done = subprocess.run(
        [*SHOUWANG, "doctor", "--json", *options], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["fine"] is (done.returncode == 0)
    return done.returncode, told


def found(told: dict[str, Any]) -> dict[str, list[str]]:
    """The sentences by code, without notes."""
    by_code: dict[str, list[str]] = {}
    for finding in told["findings"]:
        if finding["level"] == "finding":
            by_code.setdefault(finding["code"], []).append(finding["says"])
    return by_code


def layout(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, owner and size of what nobody but a command changes."""
    files = [folder, *(folder / "secrets").iterdir(), folder / "run/parts.json", folder / "broker/users.conf"]
    return {str(f): (f.stat().st_mode, f.stat().st_uid, f.stat().st_size) for f in files}


def test_a_healthy_stack(stack: Stack) -> None:
    """Nothing is found, everything was looked at, nothing was changed."""
    before = layout(stack.data)
    code, told = doctor("--data", stack.data)
    assert (code, found(told)) == (0, {})
    assert [check["check"] for check in told["checks"] if check["skipped"]] == []
    facts = {check["check"]: check["facts"] for check in told["checks"]}
    assert all(facts["parts"]["processes"][part] for part in ("up", "database", "broker", "ingest", "api"))
    assert (facts["parts"]["broker_answers"], facts["parts"]["api_answers"]) == (True, True)
    assert facts["versions"]["postgresql"].startswith("18.")
    assert layout(stack.data) == before


def test_what_people_read(stack: Stack) -> None:
    """Without --json a line for each check and one for the outcome; a loosened mode is told with its remedy."""
    secret = stack.data / "secrets" / "database"
    secret.chmod(0o644)
    try:
        done = subprocess.run([*SHOUWANG, "doctor", "--data", stack.data], capture_output=True, text=True, check=False)
    finally:
        secret.chmod(0o600)
    assert done.returncode == 1
    assert f"chmod 0600 {secret}" in done.stdout
    assert re.search(r"^chain +fine \(entries \d+, breaks 0\)$", done.stdout, re.MULTILINE)
    assert done.stdout.rstrip().endswith("1 finding(s)")


def test_metrics_of_every_process(stack: Stack) -> None:
    """What ingest says of itself stands beside what the API counts and the database knows."""
    until("ingest is caught up", lambda: stack.metric("shouwang_ingest_caught_up") == 1)
    until("the watch goes on", lambda: stack.metric("shouwang_ingest_watched_until_timestamp_seconds") > 1e9)
    assert stack.metric("shouwang_ingest_connected") == 1
    assert stack.metric("shouwang_part_up") == 4


def test_logs_tell_of_the_program_and_not_of_people(stack: Stack) -> None:
    """After a press, bad messages and requests, a claim with a note, a cut database: JSON, and nothing personal."""
    button = stack.device("h1", "sos-1")
    button.say({"type": "sos.pressed", "id": "1", "data": {"said": "王秀英 糖尿病"}})
    button.say(b'{"type": "\\ud800", "data": "13800138000')
    button.say({"type": "sos.pressed", "id": "2", "device": "王秀英"}, channel="batch")
    alert = until("the alert is there", lambda: stack.alerts("h1", "S-01"))[0]["id"]
    stack.request("POST", f"/alerts/{alert}/claim")
    stack.request("POST", f"/alerts/{alert}/note", json={"note": PERSONAL[-1]})
    stack.request("POST", f"/alerts/{alert}/close", json={"outcome": "王秀英", "contact": "13800138000"})
    stack.request("GET", "/residents/王秀英")
    stack.import_registry('[[resident]]\ncode = "王秀英"\nname = 13800138000')
    stack.import_registry(REGISTRY.replace('"r1"\nname', '"王秀英"\nname'))
    (database,) = [pid for name, pid in children(stack).items() if name == "database"]
    os.kill(database, signal.SIGKILL)
    until("the database is back", lambda: children(stack).get("database", database) != database)
    until("the stack is ready", lambda: ready(stack))
    lines = stack.log.read_text("utf-8").splitlines()
    plain = [line for line in lines if not line.startswith("{")]
    assert all(line.startswith(("Shouwang keeps watch:", "Sign in (works once")) for line in plain), plain
    assert {"at", "level", "part", "logger", "message"} <= set(json.loads(lines[0]))
    spoken = [json.dumps(json.loads(line), ensure_ascii=False) for line in lines if line.startswith("{")]
    said = "\n".join([*spoken, *(file.read_text("utf-8") for file in (stack.data / "log").iterdir())])
    assert [word for word in PERSONAL if word in said] == []
    assert stack.token not in said


def children(stack: Stack) -> dict[str, int]:
    return {row["name"]: row["pid"] for row in json.loads((stack.data / "run/children.json").read_text("utf-8"))}


def test_parts_that_hang_or_are_gone(stack: Stack) -> None:
    """The doctor works while parts are down and names each: two do not run, two do not answer."""
    pids = children(stack)
    with ExitStack() as exits:
        exits.callback(until, "the stack is ready again", lambda: ready(stack), 180)
        stack.pause()
        exits.callback(stack.resume)
        for part in ("api", "broker"):
            os.kill(pids[part], signal.SIGSTOP)
            exits.callback(os.kill, pids[part], signal.SIGCONT)
        for part in ("ingest", "database"):
            os.kill(pids[part], signal.SIGINT)
            gone(pids[part])
        code, told = doctor("--data", stack.data)
    assert code == 1
    assert set(found(told)) == {"part_down", "broker_silent", "api_silent"}
    assert found(told)["part_down"] == ["The database does not run.", "The ingest does not run."]
    skipped = {check["check"] for check in told["checks"] if check["skipped"]}
    assert skipped == {"head", "partitions", "quarantine", "tokens", "chain"}


def ready(stack: Stack) -> bool:
    with suppress(httpx.TransportError):
        return stack.client.get("/readyz").status_code == 200
    return False


def gone(pid: int) -> None:
    """Wait until a process has ended; its paused parent cannot take note of it."""
    until("it ended", lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
