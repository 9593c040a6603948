"""A message, a moment or an entry that fails each time it is tried: the watch goes on."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.engine import Engine
from alerts.findings import Finding
from alerts.live import LiveEngine
from store.head import InputEntry
from store.pool import Pool
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
from tests.parts import RunningBroker, broker

__all__ = ["broker"]

UNLUCKY = 666.0


@pytest.fixture
def choking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real engine with a bug: it takes the event in, then throws."""
    apply = Engine.apply

    def choke(self: Engine, entries: list[InputEntry], events: NDArray[np.void]) -> list[Finding]:
        findings = apply(self, entries, events)
        if (events["value"] == UNLUCKY).any():
            raise KeyError("Zhang San")
        return findings

    monkeypatch.setattr(Engine, "apply", choke)


@pytest.mark.usefixtures("choking")
async def test_event_that_the_engine_chokes_on(
    broker: RunningBroker, database_url: str, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    """It alone is in quarantine, acknowledged and told without its words; the others are stored, in order."""
    await register(pool, "h1/d1")
    made = settings(broker.url("ingest"), database_url)
    async with running_ingest(made, LiveEngine()) as ingest:
        await ingest.session()
    async with publishing(broker.url("publisher")) as client:
        for n in range(40):
            await say(client, "h1/d1", payload={"type": "water.metered", "id": f"e{n}", "value": 666 if n == 13 else n})
    async with running_ingest(made, LiveEngine()) as ingest:
        await until(lambda: count(pool, "event", at_least=39))
        await settled(ingest)
        assert not ingest.task.done()
    stored = [row["value"] for row in await rows(pool, "SELECT value FROM event ORDER BY position")]
    assert stored == [n for n in range(40) if n != 13]
    kept = await rows(pool, "SELECT reason, source, detail FROM quarantine")
    assert kept == [{"reason": "refused_by_engine", "source": "h1/d1", "detail": "KeyError"}]
    told = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert any("choke" in str(vars(record)["traceback"]) for record in told)
    assert "Zhang San" not in "".join(str(vars(record)) for record in told)


async def test_event_whose_effects_the_database_refuses(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """What an event causes is not taken: the event goes, whole, and the next one is stored."""
    await register(pool, "h1/d1")
    async with pool.connection() as conn:
        await conn.execute("ALTER TABLE event_type ADD CONSTRAINT unlucky CHECK (name <> 'x.bad')")
    async with running_ingest(settings(broker.url("ingest"), database_url)) as ingest:
        await ingest.session()
        async with publishing(broker.url("publisher")) as client:
            for kind in ("x.good", "x.bad", "x.fine"):
                await say(client, "h1/d1", payload={"type": kind, "id": kind})
        await until(lambda: count(pool, "event", at_least=2))
        await settled(ingest)
    assert await rows(pool, "SELECT reason FROM quarantine") == [{"reason": "refused_by_database"}]


class ThrowsAtTheClock(RecordingEngine):
    """Every watermark is a bug while `broken`."""

    broken = True

    def chokes_on(self, control: Sequence[InputEntry], watermark: int | None) -> bool:
        del control
        return self.broken and watermark is not None


async def test_watermark_that_the_engine_chokes_on(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """The clock waits and is tried again, events go on meanwhile, and nothing of theirs is in quarantine."""
    await register(pool, "h1/d1")
    engine = ThrowsAtTheClock()
    engine.is_due = True
    async with running_ingest(settings(broker.url("ingest"), database_url), engine) as ingest:
        await until(lambda: engine.choked)
        async with publishing(broker.url("publisher")) as client:
            for n in range(5):
                await say(client, "h1/d1", payload={"type": "door.opened", "id": f"e{n}"})
                await until(lambda n=n: count(pool, "event", at_least=n + 1))
        await settled(ingest)
        await until(lambda: engine.choked >= 2)
        engine.broken = False
        await until(lambda: engine.watermarks)
        assert not ingest.task.done()
    assert await count(pool, "quarantine") == 0
    assert await value(pool, "SELECT count(*) FROM input_log WHERE kind = 'watermark'") >= 1


class ThrowsAtEntries(RecordingEngine):
    """Every import of devices is a bug while `broken`."""

    broken = True

    def chokes_on(self, control: Sequence[InputEntry], watermark: int | None) -> bool:
        del watermark
        return self.broken and any(entry.kind == "registry" for entry in control)


async def test_entry_that_the_engine_chokes_on(broker: RunningBroker, database_url: str, pool: Pool) -> None:
    """It cannot be passed over: messages wait, none goes to quarantine for it, and all comes once it is taken."""
    engine = ThrowsAtEntries()
    async with running_ingest(settings(broker.url("ingest"), database_url), engine) as ingest:
        await ingest.session()
        await register(pool, "h1/d1")
        async with publishing(broker.url("publisher")) as client:
            await say(client, "h1/d1", payload={"type": "door.opened", "id": "e"})
        await until(lambda: engine.choked >= 3)
        assert await count(pool, "event") == 0
        engine.broken = False
        await until(lambda: count(pool, "event", at_least=1))
        await settled(ingest)
    assert await count(pool, "quarantine") == 0
