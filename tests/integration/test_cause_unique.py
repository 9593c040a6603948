"""(rule, subject, cause) is unique for ever: in what the engine finds, and in what the database takes."""

import random
from collections import Counter

import pytest

from alerts.findings import Change
from store.errors import Conflict, translated
from store.pool import Pool
from tests.live_parts import NOW, open_home
from tests.log_parts import diced, one_by_one, written


def test_no_log_raises_the_same_cause_twice() -> None:
    """Closings, mutes, removals, late ends, flapping: however often a condition comes back, its cause is its own."""
    for seed in range(12):
        found = one_by_one(written(diced(random.Random(seed))))  # noqa: S311 -- seeded test data, no secret
        origins = [f.origin for f in found if f.change is Change.RAISED and f.origin is not None]
        causes = Counter((o.rule, o.subject_kind, o.subject, o.cause) for o in origins)
        assert [cause for cause, n in causes.items() if n > 1] == []


async def test_the_database_refuses_a_cause_that_it_had(pool: Pool) -> None:
    """Also once its alert is closed: a second row of the same cause is never there."""
    async with open_home(pool) as home:
        await home.run(("sos-1", "sos.pressed", NOW))
        await home.conn.execute("UPDATE alert SET handling = 'closed'")
        columns = await (
            await home.conn.execute(
                "SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns"
                " WHERE table_name = 'alert' AND column_name <> 'id'"
            )
        ).fetchone()
        assert columns is not None
        again = f"INSERT INTO alert (id, {columns['names']}) SELECT id + 1, {columns['names']} FROM alert"
        with pytest.raises(Conflict), translated():
            await home.conn.execute(again.encode())
