"""A publisher that keeps its session and sends again whatever was not acknowledged, as a device does."""

import asyncio
import logging
import math
import random
import time
from dataclasses import dataclass

import aiomqtt

from simulators.link import Gate, Link, connected

log = logging.getLogger(__name__)

WINDOW = 256  # messages under way at once
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two attempts to connect
GRACE = 1.0  # seconds for an offer to be taken; and until a failed publish ends what nothing else has ended


class PublisherError(Exception):
    """The broker cannot be used; the message says what to look at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to try, in seconds, and how many connections may end without one acknowledgement between them.

    The latter ends what would go on for ever: a message that makes the broker hang up each time it is sent.
    """

    first: float = math.inf
    again: float = math.inf
    fruitless: float = math.inf


ENDLESS = Patience()


class Publisher:
    """One session with a broker. `run` holds it; `send` keeps its message until it is acknowledged."""

    def __init__(
        self,
        link: Link,
        *,
        will: aiomqtt.Will | None = None,
        greeting: tuple[Message, ...] = (),
        patience: Patience = ENDLESS,
        window: int = WINDOW,
        longest_pause: float = LONGEST_PAUSE,
        gate: Gate | None = None,
    ) -> None:
        self._link, self._will, self._greeting = link, will, greeting
        self._patience, self._window, self._longest_pause = patience, window, longest_pause
        self._gate = gate
        self._room = asyncio.Semaphore(window)
        self._waiting: dict[int, Message] = {}  # in the order of sending; leaves at its acknowledgement
        self._fresh: asyncio.Queue[int] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._client: aiomqtt.Client | None = None
        self.sent = self.acknowledged = self.resent = self.connections = 0
        self.connected = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Put the message under way, waiting for room; it is kept and sent again until acknowledged."""
        await self._room.acquire()
        self.sent += 1
        self._waiting[self.sent] = message
        self._fresh.put_nowait(self.sent)
        self._idle.clear()

    async def offer(self, message: Message) -> bool:
        """Publish at once where there is a connection, else forget it: an old heartbeat proves no life."""
        if self._client is None:
            return False
        try:
            async with asyncio.timeout(GRACE):
                await _publish(self._client, message)
        except (aiomqtt.MqttError, TimeoutError):
            return False
        return True

    async def drained(self) -> None:
        """Return once nothing is unacknowledged."""
        await self._idle.wait()

    def oldest(self) -> Message | None:
        """The message that waits longest for its acknowledgement."""
        return next(iter(self._waiting.values()), None)

    async def run(self) -> None:
        """Connect, and again whenever the connection ends, until cancelled; PublisherError when patience ends."""
        deadline, fruitless, pause = time.monotonic() + self._patience.first, 0, FIRST_PAUSE
        while True:
            connections, acknowledged = self.connections, self.acknowledged
            try:
                await self._connection()
            except aiomqtt.MqttError as error:
                if time.monotonic() >= deadline:
                    raise PublisherError(f"no connection to the broker at {self._link.place}: {error}") from error
            if self.connections > connections:
                deadline, pause = time.monotonic() + self._patience.again, FIRST_PAUSE
                fruitless = 0 if self.acknowledged > acknowledged else fruitless + 1
            if fruitless >= self._patience.fruitless:
                raise PublisherError(f"the broker at {self._link.place} hung up {fruitless} times in a row")
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 -- jitter, no secret
            pause = min(pause * 2, self._longest_pause)

    async def _connection(self) -> None:
        """One connection, until it ends; MqttError where it could not begin."""
        client = self._link.client(window=self._window, will=self._will)
        async with connected(client, self._gate):
            self.connections += 1
            await self._session(client)

    async def _session(self, client: aiomqtt.Client) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(client), name="watch")
                self._begin(client, group)
                while True:
                    group.create_task(self._deliver(client, await self._fresh.get()))
        except* aiomqtt.MqttError as lost:
            log.info("the connection to the broker is lost", extra={"error": str(lost.exceptions[0])})
        finally:
            self._client = None
            self.connected.clear()
        _stand_by_a_cancel()

    def _begin(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        """Greet, then send again what an earlier connection left unacknowledged, in its order, before anything new."""
        self.resent += len(self._waiting) - self._fresh.qsize()
        while not self._fresh.empty():
            self._fresh.get_nowait()
        for message in self._greeting:
            group.create_task(_publish(client, message))
        for number in self._waiting:
            group.create_task(self._deliver(client, number))
        self._client = client
        self.connected.set()

    async def _deliver(self, client: aiomqtt.Client, number: int) -> None:
        try:
            await _publish(client, self._waiting[number])
        except aiomqtt.MqttError:
            await asyncio.sleep(GRACE)  # the watch knows why; it ends this session, and this task with it
            raise
        del self._waiting[number]
        self.acknowledged += 1
        self._room.release()
        if not self._waiting:
            self._idle.set()

    async def _watch(self, client: aiomqtt.Client) -> None:
        """Raise MqttError when the connection ends: a publish alone would wait for an acknowledgement for ever."""
        async for _ in client.messages:
            pass


async def _publish(client: aiomqtt.Client, message: Message) -> None:
    # With a timeout of its own, aiomqtt would use wait_for, which loses cancels in Python 3.11.
    await client.publish(message.topic, message.payload, message.qos, message.retain, timeout=math.inf)


def _stand_by_a_cancel() -> None:
    """Raise the CancelledError that a task group of Python 3.11 loses when one of its tasks fails at the same time."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
