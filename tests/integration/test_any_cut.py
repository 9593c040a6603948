"""Guarantee 4 on the real database: restarts, takeovers and lost commits anywhere, and the reference's alerts."""

import asyncio
import random
import secrets
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.conftest import database_of
from tests.cut_parts import FATES, Watched, watched
from tests.faults.judged import differs_from_reference
from tests.log_parts import LAGS, SORTS

pytestmark = pytest.mark.timeout(300)

KINDS = ("event",) * 12 + ("again", "beat", "beat", "beat", "act", "act", "act", "override")
WAITS = (0, 0, 1, 1, 3, 5, 10, 47, 200, 740)  # minutes until it
STEP = st.tuples(
    *map(st.sampled_from, (KINDS, WAITS, LAGS, SORTS)),
    st.integers(0, 10_000),
)
Step = tuple[str, int, int, str, int]
Plan = list[Step]


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEP, min_size=20, max_size=60), st.integers(0, 2**32))
def test_whatever_befalls_a_batch(server_url: str, template: str, plan: Plan, seed: int) -> None:
    """Each event is stored once, and the alerts are those of the reference fed with the stored log."""
    url = database_of(server_url, f"cut_{secrets.token_hex(8)}")
    with psycopg.connect(server_url, autocommit=True) as admin:
        name = sql.Identifier(url.partition("dbname=")[2].split()[0])
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
        try:
            said = asyncio.run(_live(url, plan, random.Random(seed)))  # noqa: S311 -- a choice of tests is no secret
            with psycopg.connect(url) as conn:
                assert differs_from_reference(conn) == []
                stored = "SELECT detail ->> 'id' FROM event"
                assert sorted(row[0] for row in conn.execute(stored)) == sorted(f"e{n}" for n in range(said))
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


async def _live(url: str, plan: Plan, dice: random.Random) -> int:
    """Live through a plan, cut at random; return how many events were said."""
    async with watched(url) as world:
        for step in plan:
            await _happen(world, dice, step)
            if dice.random() < 0.4:
                world.now += timedelta(seconds=1)
                await world.commit(dice.choice(FATES), caught_up=dice.random() < 0.8)
        world.now += timedelta(minutes=1)
        await world.commit("kept", caught_up=True)
        return world.said


async def _happen(world: Watched, dice: random.Random, step: Step) -> None:
    kind, wait, lag, sort, choice = step
    world.now += timedelta(minutes=wait)
    if kind == "event":
        world.say(choice, timedelta(minutes=lag), sort)
    elif kind == "again":
        world.repeat(dice)
    elif kind == "beat":
        await world.beat(choice)
    elif kind == "act":
        await world.act(choice)
    else:
        await world.change(choice)
