"""Logs are for machines and strangers: JSON, and nothing personal by accident."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import logs
from runtime.logs import JsonLines, PartLog


def record(error: BaseException | None = None, **extra: object) -> dict[str, object]:
    made = logging.makeLogRecord({"name": "n", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "it is so"})
    vars(made).update(extra)
    if error is not None:
        try:
            raise error
        except type(error):
            made.exc_info = sys.exc_info()
    line = JsonLines("ingest").format(made)
    assert "\n" not in line
    found: dict[str, object] = json.loads(line)
    return found


def test_a_record_is_one_object() -> None:
    """Level, part and message, and what the caller added."""
    line = record(device="h1:sos-1", count=3)
    assert (line["level"], line["part"], line["message"]) == ("warning", "ingest", "it is so")
    assert (line["device"], line["count"]) == ("h1:sos-1", 3)


def test_an_error_tells_where_and_not_what() -> None:
    """The messages of drivers quote rows, which are about people: the place in the code is enough."""
    line = record(ValueError("invalid input: Wang Meihua, diabetes"))
    assert line["error"] == "ValueError"
    assert "test_runtime_logs.py" in str(line["trace"])
    assert "Wang" not in json.dumps(line)


def test_what_a_part_says_is_kept_in_limits(tmp_path: Path) -> None:
    """A part that talks for months fills no disk, and its log is private."""
    kept = PartLog(tmp_path / "part.log")
    line = "x" * 1_000_000
    for _ in range(2 * logs.FILES * logs.FILE_BYTES // len(line)):
        kept.write(line)
    kept.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == logs.FILES
    assert sum(file.stat().st_size for file in files) <= logs.FILES * logs.FILE_BYTES
    assert (tmp_path / "part.log").stat().st_mode & 0o077 == 0


def test_asyncio_quotes_no_errors() -> None:
    """What asyncio says of a task that nobody awaited holds the task's error, which can quote data."""
    line = record(name="asyncio", msg="Task exception was never retrieved\nfuture: <Task exception=KeyError('Wang')>")
    assert line["message"] == "Task exception was never retrieved"
    assert "Wang" not in json.dumps(line)


def test_threads_and_destructors_quote_no_errors(capfd: pytest.CaptureFixture[str]) -> None:
    """Their faults reach standard error as lines of ours, where Python would print the message."""
    code = (
        "import threading, warnings\n"
        "from runtime.logs import set_up\n"
        "set_up('ingest', 'info')\n"
        "def fail(): raise ValueError('Wang Meihua')\n"
        "class Bad:\n"
        "    def __del__(self): fail()\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "Bad()\n"
        "warnings.warn('late')\n"
    )
    subprocess.run([sys.executable, "-W", "default", "-c", code], check=True)
    told = capfd.readouterr().err
    assert [json.loads(line)["level"] for line in told.splitlines()] == ["critical", "error", "warning"]
    assert "Wang" not in told
