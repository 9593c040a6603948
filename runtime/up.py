"""`shouwang up`: everything in one go, started in order, watched, stopped in the opposite order."""

import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from prometheus_client.multiprocess import mark_process_dead

from api.metrics import REFUSED
from runtime.broker import INGEST, PUBLISHER, WATCH, Broker
from runtime.child import MARKER
from runtime.database import Database
from runtime.errors import StartError
from runtime.layout import DataDir
from runtime.lifeline import PARENT
from runtime.orphans import end_orphans, remember
from runtime.parts import ApiPart, OwnPart
from runtime.running import Running, publish, withdraw
from runtime.settings import Settings
from runtime.supervisor import Keeper, Part
from runtime.watching import admit_devices, report_broker
from store.errors import StoreError
from store.migrations import migrate
from store.pool import open_pool

T = TypeVar("T")
log = logging.getLogger(__name__)

# Seconds that each part gets to end by itself; together less than the 30 that `up` may take.
PATIENCE = {"demo": 1.5, "watch": 2.0, "api": 6.5, "ingest": 6.0, "broker": 5.0, "database": 8.0}


class Stack:
    """All parts of one `up`, on a directory that it holds."""

    def __init__(self, settings: Settings, data: DataDir, exits: AsyncExitStack) -> None:
        self._settings = settings
        self._data = data
        self._exits = exits
        self._keepers: list[Keeper] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, *, demo: bool) -> Running:
        """Start everything, each part after those that it needs. Raises `StartError`."""
        url = await self._database()
        await _migrated(url)
        running = await self._broker(url)
        publish(self._data, running)
        self._exits.callback(withdraw, self._data)
        await self._start(OwnPart("ingest", env=self._environment))
        api = ApiPart(host=self._settings.http_host, port=self._settings.http_port, env=self._environment)
        await self._start(api)
        # Last to come and first to go: what it would tell of a start or an end is meant.
        await self._start(OwnPart("watch", env=self._environment))
        if demo:
            await self._start(OwnPart("demo", env=self._environment))
        return running

    async def failed(self) -> None:
        """Wait until something of `up` itself fails, and raise that."""
        watched = [*self._tasks, *(asyncio.create_task(k.failed(), name=k.part.name) for k in self._keepers)]
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    async def _database(self) -> str:
        if self._settings.database_url is not None:
            return self._settings.database_url.get_secret_value()
        database = Database(self._data)
        self._exits.callback(database.close)
        await self._start(database)
        return database.url

    async def _broker(self, url: str) -> Running:
        if self._settings.mqtt_url is not None:
            named = self._settings.mqtt_url.get_secret_value()
            return self._running(url, ingest=named, publisher=named, watch=named, managed=False)
        broker = Broker(
            self._data,
            host=self._settings.mqtt_host,
            port=self._settings.mqtt_port,
            sync_interval=self._settings.sync_interval,
            refused=lambda _: REFUSED.inc(),
        )
        keeper = await self._start(broker)
        pool = await self._exits.enter_async_context(open_pool(url, name="up", max_size=1))
        self._task(report_broker(pool, broker, keeper), "broker's state")
        self._task(admit_devices(url, broker, keeper.signal), "broker's users")
        urls = {"ingest": broker.url(INGEST), "publisher": broker.url(PUBLISHER), "watch": broker.url(WATCH)}
        return self._running(url, **urls, managed=True)

    def _running(self, url: str, *, ingest: str, publisher: str, watch: str, managed: bool) -> Running:
        return Running(
            database_url=url,
            ingest_url=ingest,
            publisher_url=publisher,
            watch_url=watch,
            http_url=self._settings.url,
            local_url=self._settings.local_url,
            broker_managed=managed,
        )

    async def _start(self, part: Part) -> Keeper:
        keeper = Keeper(
            part,
            environment={MARKER: str(self._data.path), PARENT: str(os.getpid())},
            patience=PATIENCE[part.name],
            changed=self._remember,
            ended=mark_process_dead,
            log_file=self._data.log / f"{part.name}.log" if part.name in ("database", "broker") else None,
        )
        self._keepers.append(keeper)
        self._exits.push_async_callback(keeper.stop)
        await keeper.start()
        return keeper

    def _remember(self) -> None:
        remember(self._data, [(k.part.name, k.pid) for k in self._keepers if k.pid is not None])

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        self._exits.push_async_callback(_cancelled, task)

    @property
    def _environment(self) -> dict[str, str]:
        # What was given to `up` on the command line must reach its parts as well.
        return {
            "SHOUWANG_DATA": str(self._data.path),
            "SHOUWANG_HTTP_HOST": self._settings.http_host,
            "SHOUWANG_HTTP_PORT": str(self._settings.http_port),
        }


async def up(
    settings: Settings, data: DataDir, *, demo: bool, announce: Callable[[Running], Coroutine[Any, Any, None]]
) -> None:
    """Run everything on a directory that the caller holds, until SIGTERM or SIGINT. Raises `StartError`."""
    await asyncio.to_thread(end_orphans, data)
    _check_ports(settings)
    stopping = _stop_signal()
    async with AsyncExitStack() as exits:
        stack = Stack(settings, data, exits)
        if running := await _unless(stopping, stack.start(demo=demo), "start"):
            await announce(running)
            await _unless(stopping, stack.failed(), "watch")
        log.info("stopping everything")
    log.info("stopped")


def _stop_signal() -> asyncio.Event:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, T], name: str) -> T | None:
    """The result of `work`; None where the signal to stop came first."""
    task = asyncio.create_task(work, name=name)
    stop = asyncio.create_task(stopping.wait(), name="stop")
    try:
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        stop.cancel()
        await _cancelled(task)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _migrated(url: str) -> None:
    try:
        for name in await migrate(url):
            log.info("migrated", extra={"migration": name})
    except StoreError as error:
        raise StartError(f"the database cannot be used: {error}") from error


def _check_ports(settings: Settings) -> None:
    _check_port(settings.http_host, settings.http_port, "--http")
    if settings.mqtt_url is None:
        _check_port(settings.mqtt_host, settings.mqtt_port, "--mqtt")


def _check_port(host: str, port: int, option: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StartError(f"port {port} is in use by another program: choose another with {option}") from error
            raise StartError(f"{host}:{port} cannot be listened on ({error.strerror}): see {option}") from error
