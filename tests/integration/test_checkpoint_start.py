"""A start from a checkpoint and the log after it; whatever does not fit its database is thrown away."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.checkpoint import read
from alerts.live import LiveEngine
from store.pool import Pool
from tests.checkpoint_parts import state
from tests.live_parts import NOW, Home, open_home

THROWN = "the checkpoint is thrown away: the state is rebuilt from the log"
REBUILT = "the state is rebuilt"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.checkpoint"


@pytest.fixture
async def home(pool: Pool, path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Home]:
    """A home with an open door, a press, a checkpoint, and a press after it."""
    caplog.set_level("INFO")
    async with open_home(pool) as opened:
        opened.engine = LiveEngine(path)
        await opened.engine.bootstrap(opened.conn)
        await opened.run(("mag-1", "door.opened", NOW), ("sos-1", "sos.pressed", NOW))
        keep(opened)
        await opened.run(("sos-1", "sos.pressed", NOW + timedelta(minutes=1)))
        yield opened


def keep(home: Home) -> None:
    write = home.engine.snapshot()
    assert write is not None
    write()


async def started(home: Home, path: Path | None) -> LiveEngine:
    engine = LiveEngine(path)
    await engine.bootstrap(home.conn)
    return engine


def said(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == message]


async def test_a_start_reads_what_came_after_the_checkpoint(
    home: Home, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a kill: only the one press, and the state is what the whole log gives; timers and alerts go on."""
    caplog.clear()
    engine = await started(home, path)
    (told,) = said(caplog, REBUILT)
    assert (told["events"], told["entries"]) == (1, 0)
    assert told["checkpoint"] == engine.position - 1
    assert said(caplog, THROWN) == []
    assert state(engine._engine) == state((await started(home, None))._engine)
    home.engine = engine
    await home.run(("sos-1", "sos.pressed", NOW + timedelta(minutes=2)), watermark=NOW + timedelta(hours=1))
    alerts = {a["rule"]: (a["id"], a["occurrences"]) for a in await home.alerts()}
    assert alerts == {"S-01": (1, 3), "D-03": (2, 1)}


def held(path: Path) -> bytes | None:
    """What is in the file, None where there is none."""
    return path.read_bytes() if path.is_file() else None


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


MISFITS: dict[str, str | Callable[[Path], object]] = {
    "another database": "UPDATE head SET database_id = gen_random_uuid()",
    "an epoch to come": "UPDATE head SET epoch = epoch - 1",
    "a position to come": "UPDATE head SET position = position - 2",
    "another entry at its position": "UPDATE event SET received_at = received_at + interval '1 us'",
    "another chain": "ALTER TABLE alert_log DISABLE TRIGGER ALL; UPDATE alert_log SET chain = '\\x00'",
    "a log without its entry": "DELETE FROM event",
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "empty": lambda path: path.write_bytes(b""),
    "a flipped byte": lambda path: path.write_bytes(flipped(path.read_bytes())),
    "no file": folder_instead,
}


@pytest.mark.parametrize("misfit", MISFITS)
async def test_what_does_not_fit_is_thrown_away(
    home: Home, path: Path, caplog: pytest.LogCaptureFixture, misfit: str
) -> None:
    """One line says why, the file is gone, and the state is what the log alone gives."""
    change = MISFITS[misfit]
    if isinstance(change, str):
        await home.conn.execute(change.encode())
    else:
        change(path)
    caplog.clear()
    engine = await started(home, path)
    assert len(said(caplog, THROWN)) == 1
    assert held(path) is None
    assert said(caplog, REBUILT)[-1]["checkpoint"] == 0
    assert state(engine._engine) == state((await started(home, None))._engine)


async def test_another_schema_is_thrown_away(
    home: Home, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another version of the engine wrote."""
    monkeypatch.setattr("alerts.checkpoint.schema", lambda: "other")
    caplog.clear()
    engine = await started(home, path)
    assert "version" in said(caplog, THROWN)[0]["reason"]
    assert state(engine._engine) == state((await started(home, None))._engine)


async def test_a_state_that_the_database_contradicts_is_thrown_away(
    home: Home, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint of a state that was wrong: the alerts of the database are the judge, and the log is read whole."""
    watch = home.engine._engine.watches["S-01"]
    watch.alert[0] = 77
    keep(home)
    caplog.clear()
    engine = await started(home, path)
    assert "other alerts" in said(caplog, THROWN)[0]["reason"]
    assert state(engine._engine) == state((await started(home, None))._engine)


async def test_a_start_that_failed_leaves_the_checkpoint_out(
    home: Home, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should it be the cause, the next try does without."""
    engine = LiveEngine(path)
    with monkeypatch.context() as broken:
        broken.setattr("alerts.live.reconcile", None)
        with pytest.raises(TypeError):
            await engine.bootstrap(home.conn)
    await engine.bootstrap(home.conn)
    assert "failed" in said(caplog, THROWN)[0]["reason"]
    assert held(path) is None


async def test_a_disk_that_refuses_costs_nothing_but_time(
    home: Home, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The checkpoint that was there stays; the watch goes on."""
    before = held(path)
    write = home.engine.snapshot()
    assert write is not None
    home.engine._path = path / "no" / "folder"
    other = home.engine.snapshot()
    assert other is not None
    other()
    assert said(caplog, "the checkpoint was not written")
    assert held(path) == before


async def test_nothing_is_kept_that_may_not_be_committed(home: Home, path: Path) -> None:
    """While a batch is neither adopted nor dropped there is no snapshot; a dropped one leaves no trace in the next."""
    async with home.conn.transaction(force_rollback=True):
        await home.run_open((("sos-1", "sos.pressed", NOW + timedelta(minutes=2)),), None)
        assert home.engine.snapshot() is None
    home.engine.drop()
    keep(home)
    kept = read(path)
    assert kept is not None
    assert kept.mark.position == home.engine.position
    assert state(kept.restore()) == state(home.engine._engine)
