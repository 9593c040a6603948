"""Every statement that we have for TimescaleDB, sent by the program itself to the real extension."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.replay import read_events
from alerts.schedule import micros
from api.activity import Activity
from devices.columns import NO_TIME
from devices.registry import import_registry
from ingest.chores import tidy_up
from ingest.copying import copy_events, find_refused
from store.errors import DataRefused
from store.migrations import migrate, pending
from store.partitions import ensure_partitions, missing_partitions
from store.pool import Connection
from store.queries import load
from store.retention import Keep
from store.timeseries import Way, arrange, way_of
from tests.engine_parts import columns
from tests.homes import ONE_HOME
from tests.keeping_parts import check_dropping, fill_events, number, rows

pytestmark = pytest.mark.timeout(280)
JOB = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = %s AND hypertable_name = %s"
COMPRESSED = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'event' AND is_compressed"
EVERYTHING = {"whole": True, "streets": [], "sites": [], "residents": [], "site": None, "device": None} | {
    "before": None,
    "since": None,
    "until": None,
    "limit": 50,
}


async def _run_job(conn: Connection, name: str, table: str) -> None:
    await conn.execute("CALL run_job(%s)", [await number(conn, JOB, name, table)])


async def test_migrating_makes_a_hypertable(timescale: Connection, timescale_url: str) -> None:
    """The catalogue of the extension says so; partitions are not made or missed; another look changes nothing."""
    (table,) = await rows(
        timescale, "SELECT * FROM timescaledb_information.hypertables WHERE hypertable_name = 'event'"
    )
    assert (table["primary_dimension"], table["compression_enabled"]) == ("received_at", True)
    sizes = "SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_name = 'event'"
    assert await rows(timescale, sizes) == [{"time_interval": timedelta(days=1)}]
    found = await rows(timescale, "SELECT view_name FROM timescaledb_information.continuous_aggregates")
    assert {row["view_name"] for row in found} == {"event_hour", "event_day"}
    now = datetime.now(UTC)
    assert (await ensure_partitions(timescale, now), await missing_partitions(timescale, now, ahead=2)) == ([], [])
    assert (await way_of(timescale), await arrange(timescale)) == (Way.HYPERTABLE, Way.HYPERTABLE)
    assert (await pending(timescale), await migrate(timescale_url)) == ([], [])


async def test_dropping_by_the_retention_job(timescale: Connection) -> None:
    """Old chunks go by the job, counted before; it is made anew where another time is set, and never scheduled."""
    await check_dropping(timescale)
    query = "SELECT config ->> 'drop_after' AS after, scheduled FROM timescaledb_information.jobs WHERE job_id = %s"
    for days in (30, 180):
        await tidy_up(timescale, Keep(events=timedelta(days=days)))
        (job,) = await rows(timescale, query, await number(timescale, JOB, "policy_retention", "event"))
        assert job == {"after": f"{days} days", "scheduled": False}
    oldest = await number(timescale, "SELECT extract(epoch FROM now() - min(received_at)) FROM event")
    assert oldest < timedelta(days=31).total_seconds()


async def _queries(conn: Connection, now: datetime) -> list[Any]:
    """All that reads events, whoever does."""
    return [
        await (await conn.execute(load("api")["events"], EVERYTHING)).fetchall(),
        await (await conn.execute(load("api")["events_of_devices"], EVERYTHING)).fetchall(),
        await (await conn.execute(load("alerts")["evidence_events"], {"positions": [1, 7, 200]})).fetchall(),
        await Activity().look(conn, now),
        await rows(conn, "SELECT * FROM event_day ORDER BY day, device, type"),
    ]


async def test_compressed_chunks_answer_as_before(timescale: Connection) -> None:
    """The policy compresses what is older than 7 days and nothing younger; every query of ours gives the same."""
    if not await rows(timescale, "SELECT FROM site"):
        await import_registry(timescale, ONE_HOME, file="r.toml", by="test", now=datetime.now(UTC))
    now = datetime.now(UTC)
    await fill_events(timescale, now, days=30)
    await tidy_up(timescale, Keep(events=timedelta(days=365)))
    before = await _queries(timescale, now)
    assert [len(answer) for answer in before[:3]] == [50, 50, 3]
    assert await number(timescale, COMPRESSED) == 0
    await _run_job(timescale, "policy_compression", "event")
    assert 22 <= await number(timescale, COMPRESSED) <= 24
    young = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed AND range_end > now() - %s"
    assert await number(timescale, young, timedelta(days=7)) == 0
    assert await _queries(timescale, now) == before
    await _run_job(timescale, "policy_refresh_continuous_aggregate", "event_hour")
    await _run_job(timescale, "policy_refresh_continuous_aggregate", "event_day")
    assert await _queries(timescale, now) == before


async def test_binary_copy_into_the_hypertable(timescale: Connection) -> None:
    """What ingest copies lands in chunks of its days, late or not, and comes back to the engine bit by bit."""
    now = micros(datetime.now(UTC))
    day = 86_400_000_000
    sent = columns(
        {
            "position": n, "received_at": now - (n % 5) * 3 * day, "at": NO_TIME if n % 2 else now, "effective_at": now,
            "device": n % 7, "type": 3, "value": n / 3, "seq": n, "boot": 1, "flags": 2,
        }
        for n in range(1, 501)
    )  # fmt: skip
    await copy_events(timescale, sent, [b'{"id": "x"}'] * len(sent))
    assert await number(timescale, "SELECT count(DISTINCT tableoid) FROM event") == 5
    assert await number(timescale, "SELECT count(*) FROM event WHERE detail ->> 'id' = 'x'") == 500
    stored = await rows(timescale, "SELECT position, received_at, at = '-infinity' AS none, value FROM event")
    assert [
        (r["position"], micros(r["received_at"]), r["none"], r["value"]) for r in sorted(stored, key=_position)
    ] == [(int(e["position"]), int(e["received_at"]), bool(e["at"] == NO_TIME), float(e["value"])) for e in sent]
    engine_reads = await read_events(timescale, 100, 400)
    assert engine_reads.tobytes() == sent[100:400].tobytes()


async def test_the_culprit_of_a_copy_is_found(timescale: Connection) -> None:
    """The hypertable refuses what a plain table refuses, by the same name, and keeps nothing of it."""
    now = micros(datetime.now(UTC))
    sent = columns(
        {"position": n, "received_at": now, "effective_at": now, "device": 1, "type": 1} for n in range(1, 5)
    )
    details = [b"{}", b"{}", b'{"id": "\\u0000"}', b"{}"]
    with pytest.raises(DataRefused):
        await copy_events(timescale, sent, details)
    assert list(await find_refused(timescale, sent, details)) == [2]
    assert await number(timescale, "SELECT count(*) FROM event") == 0


def _position(row: dict[str, Any]) -> int:
    return int(row["position"])
