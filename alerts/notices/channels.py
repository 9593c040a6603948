"""Where notices go: each channel in a thread of its own, so that one that hangs holds up nobody (decision 0014)."""

import logging
import queue
import random
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from alerts.notices import metrics
from alerts.notices.wording import Notice

log = logging.getLogger(__name__)

# Seconds between tries, from the first to the longest.
RETRY_SECONDS = (1.0, 60.0)
# What no channel took for so long is no news any more; a later notice tells how things stand.
KEEP_SECONDS = 3600.0
MOST_HELD = 100
_loading = threading.Lock()


class BadChannel(ValueError):
    """The address of a channel is none; the message does not quote it, since it may hold a password."""


class Sender(Protocol):
    """What carries a notice to people."""

    def notify(self, *, title: str, body: str, notify_type: str) -> bool:
        """Send it; whether it was taken. May take seconds."""


class _Held(NamedTuple):
    notice: Notice
    since: float


class Channel:
    """One way out. `name` is what logs call it: its kind and number, never its address."""

    def __init__(self, name: str, sender: Sender, *, retry: tuple[float, float] = RETRY_SECONDS) -> None:
        self._name = name
        self._sender = sender
        self._retry = retry
        self._held: queue.Queue[_Held | None] = queue.Queue(MOST_HELD)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notices-{name}", daemon=True)
        self._thread.start()

    def send(self, notice: Notice) -> None:
        """Take a notice to send; returns at once. Where too many wait, the oldest is given up."""
        held = _Held(notice, time.monotonic())
        while True:
            try:
                return self._held.put_nowait(held)
            except queue.Full:
                self._give_up()

    def _give_up(self) -> None:
        try:
            self._held.get_nowait()
        except queue.Empty:
            return
        metrics.DROPPED.inc()
        log.error("a notice was given up: too many wait", extra={"channel": self._name})

    def close(self) -> None:
        """Try nothing again. A sending under way is not waited for; the thread ends after it."""
        self._closing.set()
        with suppress(queue.Full):
            self._held.put_nowait(None)

    def _run(self) -> None:
        while (held := self._held.get()) is not None and not self._closing.is_set():
            attempt = 0
            while not self._closing.is_set() and not self._try(held, attempt):
                attempt += 1

    def _try(self, held: _Held, attempt: int) -> bool:
        """Whether this notice is done with."""
        kind = "failure" if held.notice.urgent else "warning"
        if self._sender.notify(title=held.notice.title, body=held.notice.body, notify_type=kind):
            metrics.SENT.inc()
            return True
        metrics.FAILED.inc()
        if time.monotonic() - held.since > KEEP_SECONDS:
            metrics.DROPPED.inc()
            log.error("a notice was given up: the channel took none", extra={"channel": self._name})
            return True
        first, longest = self._retry
        pause = min(longest, first * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1.5)  # noqa: S311 -- jitter
        log.warning("a channel took no notice: trying again", extra={"channel": self._name, "in_s": round(pause, 1)})
        self._closing.wait(pause)
        return False


class Channels:
    """All of them together. Without any, notices go to the log alone."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels

    def send(self, notice: Notice) -> None:
        """Hand a notice to every channel; returns at once."""
        log.warning("notice", extra={"title": notice.title, "channels": len(self._channels)})
        for channel in self._channels:
            channel.send(notice)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


def open_channels(urls: Sequence[str]) -> Channels:
    """Open a channel for each address in apprise's spelling. Raises `BadChannel`, naming it by its number."""
    made: list[tuple[str, Any]] = []
    for n, url in enumerate(urls, 1):
        sender = _sender(url)
        if sender is None:
            raise BadChannel(f"notice_urls: number {n} is no address of a channel, such as jsons://host/path")
        # We hold notices back ourselves; two stalls at once are two messages at once.
        sender.request_rate_per_sec = 0
        made.append((f"{url.partition(':')[0]}-{n}", sender))
    return Channels([Channel(name, sender) for name, sender in made])


def _sender(url: str) -> Any:
    with _loading, warnings.catch_warnings():
        # The library asks for a module of Python's that is to go; nothing of ours uses it.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It logs addresses, of which some are secrets and some are people's.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        import apprise  # noqa: PLC0415 -- a second and 30 MB that nobody pays who names no channel

        return apprise.Apprise.instantiate(url)
