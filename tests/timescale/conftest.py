"""A database on the real TimescaleDB, behind PostgreSQL's protocol: see bridge.mjs for what it is not."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from store.migrations import migrate
from store.pool import Connection, connect

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PACKAGES = PROJECT / ".setup" / "timescale"


@pytest.fixture(scope="module")
def timescale_url() -> Iterator[str]:
    """A server with TimescaleDB for this module alone, migrated; one connection at a time."""
    import asyncio

    node = shutil.which("node", path=os.pathsep.join([str(PROJECT / ".venv" / "bin"), os.environ["PATH"]]))
    assert node is not None, "no Node here: run scripts/setup test"
    assert (PACKAGES / "node_modules").is_dir(), "TimescaleDB for tests is not installed: run scripts/setup test"
    argv = [node, str(HERE / "bridge.mjs"), str(PACKAGES)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
        asyncio.run(migrate(url))
        yield url
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
async def timescale(timescale_url: str) -> AsyncIterator[Connection]:
    """A connection, with nothing stored."""
    async with await connect(timescale_url, name="test") as conn:
        await conn.execute("TRUNCATE event, event_identity, deletion, quarantine")
        await conn.execute("UPDATE head SET position = 0, log_id = 0")
        yield conn
