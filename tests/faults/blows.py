"""What befalls a running part: SIGKILL, a pause, a full disk, cut connections, or no start for a while."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import psycopg

from tests.faults.stream import running
from tests.stack import Stack
from tests.waiting import until

BACK_WITHIN = 90.0  # seconds: the pause before a restart doubles up to ten of them, and a recovery takes its time

LASTS = (0.5, 6.0)  # seconds that a pause or a full disk takes
# What befalls a part beside a kill. A limit of files is not ours to set where a part runs as another user.
OTHERS = (
    *(("pause", part) for part in ("ingest", "broker", "database", "watch")),
    *(("full", part) for part in ("ingest", "api", "watch")),
    *(("cut", part) for part in ("ingest", "api")),
    ("refuse", "database"),
)


def pids(stack: Stack) -> dict[str, int]:
    """The parts that run now, by name, as `up` has noted them."""
    with suppress(FileNotFoundError, json.JSONDecodeError):
        return {row["name"]: row["pid"] for row in json.loads((stack.data / "run" / "children.json").read_text())}
    return {}


def processes(stack: Stack, part: str) -> list[psutil.Process]:
    """Every process of a part: a database has one for each connection."""
    with suppress(psutil.NoSuchProcess, KeyError):
        leader = psutil.Process(pids(stack)[part])
        return [leader, *leader.children(recursive=True)]
    return []


def kill(stack: Stack, part: str) -> None:
    """SIGKILL; returns once `up` has started it again."""
    old = until(f"the {part} runs", lambda: pids(stack).get(part, 0), BACK_WITHIN)
    with suppress(ProcessLookupError):
        os.kill(old, signal.SIGKILL)
    until(f"the {part} is started again", lambda: pids(stack).get(part, old) != old, BACK_WITHIN)


@contextmanager
def paused(stack: Stack, part: str) -> Iterator[None]:
    """SIGSTOP of the part as a whole within the block."""
    stopped = processes(stack, part)
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@contextmanager
def full(stack: Stack, part: str) -> Iterator[None]:
    """No file of the part grows within the block: what it appends is refused, as on a full disk."""
    limited = processes(stack, part)
    for process in limited:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in [*limited, *processes(stack, part)]:
            with suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))


def cut(stack: Stack, part: str) -> None:
    """Every connection of a part to the database ends."""
    with suppress(psycopg.OperationalError), psycopg.connect(running(stack.data).database_url) as conn:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s"
        conn.execute(statement, [f"%{part}%"])


@contextmanager
def refusing(stack: Stack, _part: str) -> Iterator[None]:
    """The database reads and writes nothing within the block, as one does whose disk is full."""
    _let_write(stack, "off")
    try:
        yield
    finally:
        _let_write(stack, "on")


def _let_write(stack: Stack, allowed: str) -> None:
    read_only = {"on": "off", "off": "on"}[allowed]
    with psycopg.connect(running(stack.data).database_url, autocommit=True) as conn:
        conn.execute(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}".encode())
        conn.execute("SELECT pg_reload_conf()")


LASTING = {"pause": paused, "full": full, "refuse": refusing}


def befall(stack: Stack, blow: str, part: str, dice: random.Random) -> None:
    """One blow of `OTHERS`, or a kill; what lasts ends by itself."""
    if blow == "kill":
        kill(stack, part)
    elif blow == "cut":
        cut(stack, part)
    else:
        with LASTING[blow](stack, part):
            time.sleep(dice.uniform(*LASTS))


@contextmanager
def kept_down(stack: Stack, part: str) -> Iterator[None]:
    """Whatever `up` starts of the part is killed at once within the block; what comes after is its own recovery."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(0.02):
            with suppress(ProcessLookupError, KeyError):
                os.kill(pids(stack)[part], signal.SIGKILL)

    keeper = threading.Thread(target=keep, name=f"no {part}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
