"""What the watch reads from the database about those who write into it."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from runtime.probes import DatabaseProbe
from runtime.stalls import Part, Stalls
from store.pool import Pool
from tests.parts import free_port

AGO = timedelta(minutes=2)


class Closing(DatabaseProbe):
    """Closed by its block."""

    async def aclose(self) -> None:
        await self.close()


@pytest.mark.parametrize(
    ("reported", "watched", "stalled"),
    [
        (timedelta(0), timedelta(0), []),
        (timedelta(0), timedelta(seconds=31), ["engine"]),
        (timedelta(seconds=31), timedelta(seconds=31), ["ingest"]),
        (timedelta(seconds=5), timedelta(seconds=5), []),
        # A clock that was set back is no stall.
        (timedelta(seconds=-60), timedelta(seconds=-60), []),
    ],
)
async def test_ages(
    database_url: str, pool: Pool, reported: timedelta, watched: timedelta, stalled: list[Part]
) -> None:
    """Rules that stand still while ingest speaks are the engine's stall; with ingest silent they only follow."""
    async with pool.connection() as conn:
        await conn.execute(
            "INSERT INTO part (name, at, ok) VALUES ('ingest', clock_timestamp() - %s, true)", [reported]
        )
        await conn.execute("UPDATE head SET alive_at = clock_timestamp() - %s", [watched])
    stalls = Stalls(datetime.now(UTC) - AGO)
    async with aclosing(Closing(database_url)) as probe:
        await probe.look(stalls, ok=False, detail={"reason": "deaf"})
    now = datetime.now(UTC)
    for part in ("broker", "api"):
        stalls.well(part, now)
    stalls.judge(now)
    assert stalls.stalled == stalled
    async with pool.connection() as conn:
        row = await (await conn.execute("SELECT ok, detail FROM part WHERE name = 'watch'")).fetchone()
    assert row == {"ok": False, "detail": {"reason": "deaf"}}


async def test_no_database() -> None:
    """A database that is not there stalls alone: what it would tell of others is not known."""
    stalls = Stalls(datetime.now(UTC) - AGO)
    url = f"postgresql://nobody:none@127.0.0.1:{free_port()}/none"
    async with aclosing(Closing(url)) as probe:
        await probe.look(stalls, ok=True, detail={})
    for part in ("broker", "api"):
        stalls.well(part, datetime.now(UTC))
    stalls.judge(datetime.now(UTC))
    assert stalls.stalled == ["database"]
