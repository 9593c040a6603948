"""The log of alerts can be added to and nothing else; what was altered shows."""

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from alerts.journal import verify_chain
from store.pool import Pool
from tests.live_parts import NOW, Home, open_home


@pytest.fixture
async def home(pool: Pool) -> AsyncIterator[Home]:
    """A home with six rows in the log."""
    async with open_home(pool) as opened:
        for n in range(6):
            await opened.run(("sos-1", "sos.pressed", NOW + timedelta(seconds=n)))
        assert await verify_chain(opened.conn) == []
        yield opened


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alert_log SET by = 'x'",
        "DELETE FROM alert_log",
        "UPDATE input_log SET body = '{}'",
        "DELETE FROM input_log",
    ],
)
async def test_logs_are_append_only(home: Home, statement: str) -> None:
    """The database itself refuses to alter or remove a row."""
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        await home.conn.execute(statement.encode())


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ('UPDATE alert_log SET body = replace(body, \'"by":"system"\', \'"by":"nobody"\') WHERE log_id = 3', 3),
        ("UPDATE alert_log SET by = 'nobody' WHERE log_id = 3", 3),
        ("UPDATE alert_log SET body = 'rubbish' WHERE log_id = 3", 3),
        ("UPDATE alert_log SET at = at + interval '1 microsecond' WHERE log_id = 3", 3),
        ("UPDATE alert_log SET change = 'note' WHERE log_id = 3", 3),
        ("DELETE FROM alert_log WHERE log_id = 3", 4),
        ("DELETE FROM alert_log WHERE log_id > 4", 4),
        ("UPDATE head SET log_id = 5", 6),
    ],
)
async def test_what_was_altered_shows(home: Home, statement: str, first: int) -> None:
    """Whoever gets past the trigger breaks the chain at the row that was altered, or after the one that is gone."""
    await home.conn.execute("SET session_replication_role = replica")
    await home.conn.execute(statement.encode())
    breaks = await verify_chain(home.conn)
    assert breaks
    assert breaks[0].log_id == first


async def test_a_rewritten_chain_does_not_fit_the_head(home: Home) -> None:
    """A tail that was cut off is missed, because the head knows where the log ends."""
    await home.conn.execute("SET session_replication_role = replica")
    await home.conn.execute("DELETE FROM alert_log WHERE log_id = 6")
    (found,) = await verify_chain(home.conn)
    assert "cut off" in found.message
