"""A checkpoint holds the whole state: an engine that was restored from one goes on as if it had never stopped."""

import random
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.checkpoint import Snapshot, Unusable, discard, read
from alerts.engine import Engine
from alerts.findings import Finding
from alerts.graph import NotCarried, leaves
from alerts.plain import decoded, encoded
from alerts.table import Table
from alerts.watch import Watch
from tests.checkpoint_parts import MARK, content, kept, opened, state
from tests.log_parts import PLANS, Log, Plan, diced, split, told, written

RICH = [diced(random.Random(seed)) for seed in range(12)]  # noqa: S311 -- seeded test data, no secret


def fed(log: Log, cuts: list[int]) -> list[Finding]:
    """The log's findings, by an engine that goes through a checkpoint at each cut."""
    engine, findings, done = Engine(), list[Finding](), 0
    for upto in [*sorted(cuts), len(log.entries)]:
        findings += engine.apply(*split(log.entries[done:upto]))
        engine.adopt()
        engine, done = kept(engine), upto
    return findings


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLANS, st.integers(0, 2**32))
def test_a_restored_engine_goes_on_as_if_it_had_never_stopped(plan: Plan, seed: int) -> None:
    """Random logs with checkpoints at random cuts: the findings of the reference."""
    log, dice = written(plan), random.Random(seed)  # noqa: S311 -- where a log is cut is no secret
    cuts = [dice.randrange(len(log.entries) + 1) for _ in range(dice.randrange(1, 4))]
    assert told(fed(log, cuts)) == log.found


def through(plan: Plan) -> Engine:
    engine = Engine()
    engine.apply(*split(written(plan).entries))
    engine.adopt()
    return engine


def test_every_leaf_comes_back_as_it_was() -> None:
    """Tables to the byte, dicts and lists to the value; what several hold is still one thing."""
    for engine in map(through, RICH):
        again = kept(engine)
        assert state(again) == state(engine)
        assert again._book.watches is again.watches
        assert all(watch.view is again.view for watch in again.watches.values())
        assert all(mine is its for mine, its in zip(again._schedule._spans, engine._schedule._spans, strict=True))


def test_random_logs_fill_every_column_and_dict() -> None:
    """The test above means something: no leaf stays empty, and no table's column stays at its fill, in all of them."""
    filled: set[str] = set()
    known: set[str] = set()
    for engine in map(through, RICH):
        for leaf in leaves(engine):
            where = f"{type(leaf.owner).__name__}.{leaf.name or leaf.path.rpartition('[')[0]}"
            if isinstance(leaf.value, Table):
                known.add(where)
                filled |= {where} if leaf.value.size else set()
            else:
                known.add(where)
                filled |= {where} if leaf.value else set()
    # Not in use: every opening is one of its own, what is counted has no repeats, and B-01 hears a mat's repeats too.
    unused = {"DoorSequenceWatch._again", "CountWatch._again", "DoorCountWatch._again", "SequenceWatch._said"}
    assert known - filled <= unused


def attributes(thing: object, seen: set[int]) -> set[tuple[str, str]]:
    """Every attribute of every object of the engine's that is reached, found without the walk that is tested."""
    if id(thing) in seen:
        return set()
    seen.add(id(thing))
    found: set[tuple[str, str]] = set()
    for item in thing.values() if isinstance(thing, dict) else ():
        found |= attributes(item, seen)
    if type(thing).__module__.startswith("alerts.") and hasattr(thing, "__dict__"):
        for name, item in vars(thing).items():
            found.add((type(thing).__name__, name))
            found |= attributes(item, seen)
    return found


# What is no state, or follows from what is: each with its reason.
NOT_STATE = {
    "_journal", "journal",  # what can be taken back; empty between stretches
    "_dirty", "saved", "fields", "size",  # of a table: carried with its columns, or derived
    "terms",  # carried as the rule's text
    "_findings", "_heap", "_serial", "_parents",  # while transitions are played
    "_spans",  # made of _numbers
    "_undo", "_tables",  # the journal's
    "view", "_schedule", "schedule", "watches", "_book", "_lateness", "_index",  # objects, walked into
    "sites", "places", "residents", "devices", "_sites", "_residents", "_sensors", "_meters", "_view", "_speaks",
    "_working",
    "earliest", "_by_site",  # made anew
}  # fmt: skip


def test_no_attribute_is_forgotten() -> None:
    """Whatever an object of the engine's graph holds is a leaf, a column of one, or named above as no state."""
    for engine in map(through, RICH):
        carried = {(type(leaf.owner).__name__, leaf.name) for leaf in leaves(engine)}
        for leaf in leaves(engine):
            if isinstance(leaf.value, Table):
                carried |= {(type(leaf.value).__name__, name) for name in leaf.value.fields}
        missing = {(owner, name) for owner, name in attributes(engine, set()) - carried if name not in NOT_STATE}
        assert missing == set()


class Odd:
    """Nothing that a file could hold."""


def test_what_cannot_be_carried_is_refused() -> None:
    """A new attribute of a kind that no checkpoint holds is an error by its name, not a gap."""
    engine = through(RICH[0])
    engine.view.odd = Odd()  # type: ignore[attr-defined]  # as if somebody had added it
    with pytest.raises(NotCarried, match=r"view\.odd"):
        kept(engine)


def test_a_new_attribute_is_carried_without_being_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict, a number and a table that a rule adds come back."""
    plain = Watch.__init__

    def richer(self: Watch, *arguments: Any) -> None:
        plain(self, *arguments)
        vars(self).update(extra={1: (2, frozenset({"x"}))}, count=3, more=type(self.view.sites)(self.journal))

    monkeypatch.setattr(Watch, "__init__", richer)
    engine = through(RICH[0])
    for watch in engine.watches.values():
        watch.extra[7] = [time(6), {"deep": {1}}]  # type: ignore[attr-defined]  # added above
        watch.count = 4  # type: ignore[attr-defined]  # the same
        watch.more.add(3)  # type: ignore[attr-defined]  # the same
    engine.adopt()
    again = kept(engine)
    assert state(again) == state(engine)
    assert all(vars(watch)["count"] == 4 and vars(watch)["more"].size == 3 for watch in again.watches.values())


def test_later_steps_do_not_reach_a_copy() -> None:
    """A snapshot that is written later is the state of the moment in which it was made."""
    log = written(RICH[1])
    engine, half = Engine(), len(log.entries) // 2
    engine.apply(*split(log.entries[:half]))
    engine.adopt()
    before, copy = state(engine), Snapshot(engine, MARK)
    engine.apply(*split(log.entries[half:]))
    engine.adopt()
    assert state(opened(content(copy)).restore()) == before
    assert state(engine) != before


def test_windows_keep_their_numbers() -> None:
    """Columns name a window by its number: numbers that were given in another order mean the same windows."""
    engine = through(RICH[2])
    order = list(engine._schedule._numbers)
    assert len(order) > 1
    again = kept(engine)
    assert list(again._schedule._numbers) == order
    assert [span._windows for span in again._schedule._spans] == [windows for _, windows, _ in order]


@pytest.fixture(scope="module")
def file() -> bytes:
    return content(Snapshot(through(RICH[3]), MARK))


def test_a_torn_file_is_refused(file: bytes) -> None:
    """Whatever is missing at its end, or comes after it."""
    for size in (0, 1, 15, 16, 24, 60, len(file) // 2, len(file) - 1):
        with pytest.raises(Unusable):
            opened(file[:size])
    with pytest.raises(Unusable):
        opened(file + b"\0")


def test_a_flipped_bit_is_refused(file: bytes) -> None:
    """In its head, its columns or its digest."""
    dice = random.Random(1)  # noqa: S311 -- where a bit flips is no secret
    for at in [0, 17, 30, len(file) - 1, *(dice.randrange(len(file)) for _ in range(40))]:
        flipped = bytearray(file)
        flipped[at] ^= 1 << dice.randrange(8)
        with pytest.raises(Unusable):
            opened(bytes(flipped))


def test_another_engine_is_refused(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that other sources have made is not read."""
    assert opened(file).restore().position
    monkeypatch.setattr("alerts.checkpoint.schema", lambda: "other")
    with pytest.raises(Unusable, match="version"):
        opened(file)


def test_a_file_is_private_and_replaced_at_once(tmp_path: Path) -> None:
    """Nobody else reads it; no draft is left; one that a killed writer left goes with the checkpoint."""
    path = tmp_path / "c"
    for _ in range(2):
        Snapshot(Engine(), MARK).write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / ".c.0123").write_bytes(b"half")
    discard(path)
    assert list(tmp_path.iterdir()) == []
    assert read(path) is None


def test_plain_values_come_back_as_what_they_were() -> None:
    """JSON alone would make tuples lists and keys text."""
    value = {
        (1, "a"): [time(6, 30), date(2026, 3, 2), (), None, True, -5, 0.1],
        "x": {frozenset({1}): {2, 3}},
        2: {"dict": {"tuple": 1}},
    }
    assert decoded(encoded(value)) == value
    with pytest.raises(NotCarried):
        encoded(Odd())
