"""A COMMIT whose answer never came: the head row tells what became of it, and the engine's patch follows it."""

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.live import LiveEngine
from devices.registry import import_registry
from store.head import raise_epoch
from store.pool import Pool
from tests.checkpoint_parts import state
from tests.homes import ONE_HOME
from tests.ingest_parts import (
    RecordingEngine,
    count,
    publishing,
    register,
    rows,
    running_ingest,
    say,
    settings,
    settled,
    until,
    value,
)
from tests.ingest_proxy import Break, CommitProxy, commit_proxy
from tests.parts import RunningBroker, broker

__all__ = ["broker"]

BREAKS: tuple[Break, ...] = ("before commit", "after commit")


@pytest.mark.parametrize("how", BREAKS)
async def test_the_rules_follow_the_outcome(broker: RunningBroker, database_url: str, pool: Pool, how: Break) -> None:
    """Adopted or dropped, the engine is then what a new one makes of the log, and each press counts once."""
    async with pool.connection() as conn:
        await import_registry(conn, ONE_HOME, file="home.toml", by="test", now=datetime.now(UTC))
    engine = LiveEngine()
    async with (
        commit_proxy(database_url) as (proxy, url),
        running_ingest(settings(broker.url("ingest"), url), engine) as ingest,
        publishing(broker.url("publisher")) as client,
    ):
        await ingest.caught_up()
        proxy.arm(how)
        for n in range(10):
            await say(client, "h1/sos-1", payload={"type": "sos.pressed", "value": n})
        await say(client, "h1/mag-1", payload={"type": "door.opened", "seq": 1, "boot": "a"})
        await until(lambda: proxy.broken and count(pool, "event", at_least=11))
        await settled(ingest)
    again = LiveEngine()
    async with pool.connection() as conn:
        await again.bootstrap(conn)
    assert again.position == engine.position
    assert state(again._engine) == state(engine._engine)
    assert await rows(pool, "SELECT rule, occurrences FROM alert") == [{"rule": "S-01", "occurrences": 10}]


class Arming(RecordingEngine):
    """Arms the proxy once events are in the transaction: their COMMIT is the one that breaks."""

    def __init__(self, proxy: CommitProxy, how: Break) -> None:
        super().__init__()
        self._proxy, self._how = proxy, how

    async def consider(self, events: NDArray[np.void]) -> None:
        if len(events):
            self._proxy.arm(self._how, then_refuse=True)


@pytest.mark.parametrize("how", BREAKS)
async def test_followed_before_the_outcome_was_known(
    broker: RunningBroker, database_url: str, pool: Pool, how: Break
) -> None:
    """Nothing is adopted or acknowledged by the old holder; the next one stores what is not there, once."""
    await register(pool, "h1/sos-1")
    made = settings(broker.url("ingest"), database_url)
    async with commit_proxy(database_url) as (proxy, url), publishing(broker.url("publisher")) as client:
        engine = Arming(proxy, how)
        async with running_ingest(settings(broker.url("ingest"), url, client_id=made.client_id), engine) as old:
            await old.caught_up()
            await say(client, "h1/sos-1", payload={"type": "sos.pressed", "id": "p1", "value": 1})
            await until(lambda: proxy.broken and len(old.service._events._tracker))
            async with pool.connection() as conn:
                await raise_epoch(conn)
            proxy.refusing = False
            await old.fence()
            assert [ran for ran in engine.adopted if len(ran.events)] == []
        assert await count(pool, "event") == (how == "after commit")
        async with running_ingest(made) as new:
            await new.caught_up()
            await settled(new)
    assert await value(pool, "SELECT count(*) FROM event") == 1
