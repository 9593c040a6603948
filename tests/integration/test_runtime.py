"""`up` as a stranger runs it: everything starts, heals, ends; what stands in the way is one sentence."""

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from runtime.accounts import DATABASE_USER, part_user
from runtime.child import MARKER
from runtime.database import Database
from runtime.errors import StartError
from runtime.layout import private_dir
from runtime.running import find
from runtime.settings import load
from tests.parts import RunningBroker, Stack, data_dir, free_port, stack


def sentence(text: str) -> str:
    """The one line that is told, without the log's lines of JSON."""
    lines = [line for line in text.splitlines() if line and not line.startswith("{")]
    assert len(lines) == 1, text
    return lines[0]


def marked(up: Stack) -> list[psutil.Process]:
    """Every process that says in its environment that it belongs to this stack."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == str(up.data) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """One stack for the tests that leave it running."""
    with stack() as made:
        yield made.up()


@pytest.mark.parametrize("part", ["database", "broker", "ingest", "api"])
def test_a_killed_part_comes_back(running: Stack, part: str) -> None:
    """SIGKILL of any part: it runs again by itself, and the watch is ready again."""
    before = running.kill(part)
    running.until(lambda: running.pids().get(part) not in (None, before))
    running.until(running.ready)
    assert psutil.pid_exists(running.pids()[part])
    assert not psutil.pid_exists(before)


def test_the_token_stands_alone(running: Stack) -> None:
    """What `token issue` prints is the token and nothing else."""
    told = running.command("token", "issue", "--role", "duty", "--data", str(running.data)).stdout
    assert told.count("\n") == 1
    assert len(told.strip()) >= 40


def test_a_sign_in_link_is_printed_once(running: Stack) -> None:
    """The newcomer needs nothing but what `up` prints."""
    running.until(lambda: "/signin?link=" in running.log.read_text("utf-8"))
    assert running.log.read_text("utf-8").count("/signin?link=") == 1


def test_a_second_up_is_refused(running: Stack) -> None:
    """Two on one directory would be two broods of one database: the second names the first and ends."""
    done = running.command("up", "--data", str(running.data), check=False)
    assert done.returncode == 1
    assert f"is in use by another process (pid {running.process.pid})" in sentence(done.stderr)


def test_the_database_trusts_nobody(running: Stack) -> None:
    """Without the password there is no way in, and no TCP port at all."""
    found = find(load({"data": running.data}, environment={}))
    assert found is not None
    with psycopg.connect(found.database_url) as conn:
        row = conn.execute("SELECT current_setting('listen_addresses'), current_setting('synchronous_commit')")
        assert row.fetchone() == ("", "on")
        ways = conn.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
        assert ways == [("local", "scram-sha-256")]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(psycopg.conninfo.make_conninfo(found.database_url, password="guess"))


def test_private_files_stay_private(running: Stack) -> None:
    """Secrets, users, addresses and the cluster can be read by their owners alone."""
    for name in ("secrets", "database", "broker", "log", "run/metrics", "run/database"):
        assert (running.data / name).stat().st_mode & 0o077 == 0, name
    for path in [running.data / "run/parts.json", *(running.data / "secrets").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_no_secret_is_logged(running: Stack) -> None:
    """None of the generated secrets stands in any log."""
    texts = [running.log.read_text("utf-8"), *(p.read_text("utf-8") for p in (running.data / "log").iterdir())]
    for secret in (running.data / "secrets").iterdir():
        assert not any(secret.read_text("ascii") in text for text in texts), secret.name


def test_metrics_of_all_processes_are_on_one_page(running: Stack) -> None:
    """What ingest and `up` count is seen at the API."""
    page = running.get("/metrics")
    assert "shouwang_ingest_commits_total" in page
    assert "shouwang_refused_total" in page


def test_a_killed_up_and_a_power_cut() -> None:
    """What a killed `up` left is ended by the next; after a kill of everything the directory is used again."""
    with stack() as up:
        up.up()
        left = up.pids()
        up.kill_up()
        # An API without its `up` would say that all is well.
        psutil.wait_procs([psutil.Process(left["api"])] if psutil.pid_exists(left["api"]) else [], timeout=5)
        assert not up.ready()
        up.up()
        assert not any(psutil.pid_exists(pid) for pid in left.values())
        up.kill_all()
        # The pid file's number now belongs to somebody else who lives.
        pid_file = up.data / "database" / "cluster" / "postmaster.pid"
        lines = pid_file.read_text("ascii").splitlines()
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", "ascii")
        up.up()
        began = time.monotonic()
        assert up.down() == 0
        assert time.monotonic() - began < 30
        assert marked(up) == []
        assert not (up.data / "run" / "parts.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_while_it_starts(number: signal.Signals) -> None:
    """SIGTERM, or Ctrl-C, in the middle of the first start ends what was started so far."""
    with stack() as up:
        up.start()
        up.until((up.data / "run" / "children.json").exists)
        up.process.send_signal(number)
        assert up.process.wait(30) == 0
        assert marked(up) == []


@pytest.mark.parametrize("option", ["--http", "--mqtt"])
def test_a_used_port_is_named(option: str) -> None:
    """The port and the option that changes it, in one sentence, before anything is started."""
    with data_dir() as data, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = Stack(data.path).command("up", "--data", str(data.path), option, str(port), check=False)
        assert done.returncode == 1
        assert f"port {port} is in use" in sentence(done.stderr)
        assert option in done.stderr
        assert not (data.path / "database").exists()


def test_a_directory_of_another_layout() -> None:
    """A directory of another version is left alone."""
    with data_dir() as data:
        (data.path / "layout").write_text("7", "ascii")
        done = Stack(data.path).command("up", "--data", str(data.path), check=False)
        assert (done.returncode, "has layout '7'" in sentence(done.stderr)) == (1, True)


def test_a_cluster_of_another_postgresql() -> None:
    """The data of another major version is named as such, not touched."""
    with data_dir() as data:
        database = Database(data)
        database.prepare()
        version = data.database / "cluster" / "PG_VERSION"
        version.write_text("15\n", "ascii")
        with pytest.raises(StartError, match="made by PostgreSQL 15, this program brings 18"):
            database.prepare()


def test_the_first_start_may_be_killed() -> None:
    """A half-made cluster is made anew, and nothing of its password is left lying."""
    with data_dir() as data:
        draft = private_dir(private_dir(data.database, user=part_user(DATABASE_USER)) / "draft")
        (draft / "PG_VERSION").write_text("18\n", "ascii")
        Database(data).prepare()
        assert sorted(path.name for path in data.database.iterdir()) == ["cluster"]


def test_a_foreign_directory_is_left_alone() -> None:
    """A folder with somebody's files is no data directory."""
    with data_dir() as data:
        shutil.rmtree(data.path)
        data.path.mkdir()
        (data.path / "letter.txt").write_text("dear", "ascii")
        done = Stack(data.path).command("up", "--data", str(data.path), check=False)
        assert (done.returncode, "is no data directory" in sentence(done.stderr)) == (1, True)
        assert [path.name for path in data.path.iterdir()] == ["letter.txt"]


def test_a_file_in_place_of_the_directory() -> None:
    """A path that is a file is told so."""
    with data_dir() as data:
        done = Stack(data.path).command("up", "--data", str(data.path / "layout"), check=False)
        assert (done.returncode, "is no directory" in sentence(done.stderr)) == (1, True)


def test_nothing_runs_there() -> None:
    """A command that looks for running parts says how to start them."""
    with data_dir() as data:
        done = Stack(data.path).command("token", "issue", "--role", "admin", "--data", str(data.path), check=False)
        assert done.returncode == 1
        assert "nothing runs on" in sentence(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--http", "70000"], "http_port: "),
        (["up", "--database-url", "mysql://x"], "database_url: a database's URL"),
        (["doctor", "--data", "/nowhere"], "/nowhere is no data directory of Shouwang"),
        (["play", "missing.jsonl", "--mqtt-url", "mqtt://127.0.0.1:1"], "missing.jsonl"),
        (["registry", "import", "missing.toml", "--api", "http://127.0.0.1:1"], "missing.toml cannot be read"),
    ],
)
def test_wrong_use_is_exit_code_2(arguments: list[str], said: str) -> None:
    """Wrong options and settings name the option or key."""
    with data_dir() as data:
        done = Stack(data.path).command(*arguments, check=False)
        assert (done.returncode, said in sentence(done.stderr)) == (2, True), done.stderr


def test_a_directory_out_of_reach() -> None:
    """Root's parts run as users who must get in; an ordinary user must be able to write. Either is told."""
    root = os.geteuid() == 0
    with data_dir() as data:
        closed = data.path / "closed"
        closed.mkdir()
        closed.chmod(0o700 if root else 0o500)
        done = Stack(closed).command(
            "up", "--data", str(closed / "data"), "--http", str(free_port()), "--mqtt", str(free_port()), check=False
        )
        said = "cannot be reached by the system user shouwang-db" if root else "cannot be written"
        assert (done.returncode, said in sentence(done.stderr)) == (1, True), done.stderr
        assert closed.stat().st_mode & 0o077 == 0


def test_a_path_too_long_for_a_socket() -> None:
    """The socket then lies in a private folder of a short name, which is gone when the stack is."""
    with data_dir() as data:
        deep = data.path / ("d" * 60) / ("e" * 60)
        deep.parent.mkdir()
        deep.parent.chmod(0o711)
        up = Stack(deep)
        try:
            up.up()
            sockets = Path((deep / "run" / "socket-dir").read_text("utf-8"))
            assert sockets.stat().st_mode & 0o777 == 0o700
            before = up.kill("database")
            up.until(lambda: up.pids().get("database") not in (None, before))
            up.until(up.ready)
            up.token()
            assert up.down() == 0
            assert not sockets.exists()
        finally:
            up.close()


async def test_external_parts(database_url: str, broker: RunningBroker) -> None:
    """With a database and a broker by URL, `up` starts neither and is ready all the same."""
    url = f"postgresql:///?{urlencode(conninfo_to_dict(database_url))}"
    with stack("--database-url", url, "--mqtt-url", broker.url("ingest")) as up:
        await asyncio.to_thread(up.up)
        assert sorted(up.pids()) == ["api", "ingest", "watch"]
        assert await asyncio.to_thread(up.down) == 0
