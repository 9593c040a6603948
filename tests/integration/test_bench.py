"""`shouwang bench` on real parts: what it says was counted; nothing is said of how fast."""

import json
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime

import psutil
import pytest

from devices.columns import EVENT_DTYPE
from ingest.copying import copy_events
from runtime.bench.ingest import Lost, check_stored, count_stored
from runtime.bench.plan import QUICK
from runtime.bench.registering import register
from runtime.bench.speech import Speech
from runtime.bench.world import World
from store.pool import Connection, Pool
from tests.parts import SHOUWANG

WORLD = World(20)


async def stored(conn: Connection, speech: Speech, *, without: int | None = None) -> None:
    """A speech as ingest would have stored it, one message left out where it is named."""
    events = speech.columns(begin=round(datetime.now(UTC).timestamp() * 1e6), step=1)
    kept = events[[n for n in range(len(events)) if n != without]]
    assert kept.dtype == EVENT_DTYPE
    await copy_events(conn, kept, [b"{}"] * len(kept))


async def test_a_lost_row_is_an_error(pool: Pool) -> None:
    """The check passes with every row there, and names the one that is not."""
    async with pool.connection() as conn:
        whole, torn = Speech(WORLD, 65, boot="whole"), Speech(WORLD, 65, boot="torn")
        await stored(conn, whole)
        await stored(conn, torn, without=33)
        await check_stored(conn, whole)
        assert await count_stored(conn, torn) == 64
        with pytest.raises(Lost, match="1 missing, 0 doubled"):
            await check_stored(conn, torn)


async def test_a_doubled_row_is_an_error(pool: Pool) -> None:
    """Twice the same message is as wrong as none."""
    async with pool.connection() as conn:
        speech = Speech(WORLD, 20, boot="twice")
        await stored(conn, speech)
        await stored(conn, speech)
        with pytest.raises(Lost, match="0 missing, 20 doubled"):
            await check_stored(conn, speech)


async def test_the_registry_is_in_tables_and_log(pool: Pool) -> None:
    """As after an import: rows, and entries from which engine and directory are built."""
    async with pool.connection() as conn:
        await register(conn, World(2_000))
        rows = await (await conn.execute("SELECT count(*) AS n FROM device WHERE removed_at IS NULL")).fetchone()
        log = await (
            await conn.execute(
                "SELECT sum(jsonb_array_length(body->'upsert'->'device')) AS n, count(*) AS entries,"
                " max(position) AS last FROM input_log"
            )
        ).fetchone()
        head = await (await conn.execute("SELECT position FROM head")).fetchone()
    assert rows == {"n": 2_000}
    assert log == {"n": 2_000, "entries": 2, "last": 2}
    assert head == {"position": 2}


def test_quick_measures_everything_on_real_parts() -> None:
    """One object, each figure there, the counts those that were asked for, nothing lost, nothing left running."""
    mark = secrets.token_hex(8)
    done = subprocess.run(
        [*SHOUWANG, "bench", "--quick", "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "BENCH_MARK": mark},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ingest_per_s"] > 0
    assert told["press_to_feed_ms"].keys() == {str(load) for load in QUICK.loads}
    assert all(0 < found["p50"] <= found["p99"] for found in told["press_to_feed_ms"].values())
    assert told["tick_ms"].keys() == {str(devices) for devices in QUICK.ticks}
    assert told["backtest_events_per_s"].keys() == {"columns", "command"}
    assert all(rate > 0 for rate in told["backtest_events_per_s"].values())
    assert told["bytes_per_device"] > 0
    assert told["start_s"] > 0
    assert told["parts"]["sync_interval"] == "1s"
    measured = " ".join(line["measured"] for line in told["parts"]["lines"])
    assert f"{QUICK.messages:,} QoS 1 messages of {QUICK.devices:,} devices" in measured
    assert told["parts"]["wrong"] == []
    assert not left_behind(mark)


def left_behind(mark: str) -> list[int]:
    """Processes that carry the mark of a run that has ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BENCH_MARK") == mark:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_a_wrong_name_is_wrong_use() -> None:
    """Exit code 2 and a sentence; nothing is started."""
    argv = [sys.executable, "-P", "-m", "runtime", "bench", "--only", "speed"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "choose among ingest" in done.stderr
