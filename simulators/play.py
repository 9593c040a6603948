"""Playing a recording over real MQTT."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulators.link import Link
from simulators.publisher import Message, Patience, Publisher, PublisherError
from simulators.rebase import rebased, shift_to
from simulators.recording import Line, Survey, read_recording, survey

PATIENCE = Patience(first=0, again=60, fruitless=5)
REPORT_EVERY = 0.1  # seconds between two looks at the progress


class PlayError(Exception):
    """The recording was not played to its end; the message says how far it came and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayResult:
    """`messages` were acknowledged, each at least once; `resent` were sent again after a lost connection."""

    messages: int
    resent: int
    seconds: float


async def play(
    recording: Path,
    *,
    mqtt_url: str,
    ca_file: Path | None = None,
    speed: float = 1.0,
    rebase: bool = False,
    console: Console | None = None,
    patience: Patience = PATIENCE,
) -> PlayResult:
    """Publish every line at QoS 1, paced by its `at` over `speed`; return once each is acknowledged.

    `status` is retained. With `rebase` all times are moved by one amount (`shift_to`), else payloads go unaltered.
    Raises RecordingError before anything is sent, BadLink, ValueError for a speed that is not above zero, PlayError.
    """
    if not speed > 0:
        raise ValueError(f"a speed of {speed} gets nowhere: it must be above zero")
    link, started = Link.from_url(mqtt_url, ca_file=ca_file), time.monotonic()
    known = survey(recording)
    if not known.lines:
        return PlayResult(messages=0, resent=0, seconds=0.0)
    publisher = Publisher(link, patience=patience)
    due = _paced(recording, known, speed=speed, rebase=rebase)
    with _progress(console, known.lines) as show:
        await _through(publisher, due, show)
    return PlayResult(messages=publisher.acknowledged, resent=publisher.resent, seconds=time.monotonic() - started)


async def _paced(recording: Path, known: Survey, *, speed: float, rebase: bool) -> AsyncIterator[Line]:
    """Yield each line when it is due; one that is older than its predecessor is due at once."""
    assert known.first is not None and known.last is not None  # noqa: S101, PT018 -- an empty recording is not paced
    shift = shift_to(datetime.now(UTC), first=known.first, last=known.last, speed=speed)
    started = time.monotonic()
    for line in read_recording(recording):
        wait = started + (line.at - known.first).total_seconds() / speed - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        yield rebased(line, shift) if rebase else line


async def _through(publisher: Publisher, due: AsyncIterator[Line], show: Callable[[int], None]) -> None:
    """Hold the session until all is acknowledged."""
    session = asyncio.create_task(publisher.run(), name="session")
    feed = asyncio.create_task(_feed(publisher, due), name="feed")
    try:
        while not (session.done() or feed.done()):
            await asyncio.wait({session, feed}, timeout=REPORT_EVERY, return_when=asyncio.FIRST_COMPLETED)
            show(publisher.acknowledged)
        await (session if session.done() else feed)
    except PublisherError as error:
        raise PlayError(f"{error}; {_progress_so_far(publisher)}") from error
    finally:
        for task in (session, feed):
            task.cancel()
        await asyncio.gather(session, feed, return_exceptions=True)


async def _feed(publisher: Publisher, due: AsyncIterator[Line]) -> None:
    async for line in due:
        await publisher.send(Message(topic=line.topic, payload=line.payload, retain=line.topic.endswith("/status")))
    await publisher.drained()


def _progress_so_far(publisher: Publisher) -> str:
    oldest = publisher.oldest()
    waiting = f", first without: one on {oldest.topic}, {len(oldest.payload)} bytes" if oldest else ""
    return f"{publisher.acknowledged} messages acknowledged{waiting}"


@contextmanager
def _progress(console: Console | None, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=console is None, transient=True) as bar:
        task = bar.add_task("acknowledged", total=total)
        yield lambda done: bar.update(task, completed=done)
