"""What `up` does besides keeping parts alive: admit devices to the embedded broker, and say how the broker is."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import TypeVar

from psycopg.types.json import Jsonb

from devices.credentials import ISSUED_CHANNEL, applied, broker_users
from runtime.broker import PUBLISHER, Broker
from runtime.pulse import Pulse
from runtime.supervisor import Keeper
from store.errors import StoreError, translated
from store.notify import listen
from store.pool import Pool, connect
from store.queries import load

SQL = load("runtime")
T = TypeVar("T")
log = logging.getLogger(__name__)

REPORT_SECONDS = 2.0
_ASK_AGAIN = 0.1
_RETRY = (0.5, 5.0)


async def admit_devices(url: str, broker: Broker, send: Callable[[int], None]) -> None:
    """Keep the broker's users what the registry says, for ever.

    `send` signals the broker's process. Devices come in once ingest's durable session exists: before that
    nobody would keep what they publish.
    """
    if not broker.session_exists():
        await _session(url)
        broker.note_session()
    done = -1
    async for notice in listen(url, ISSUED_CHANNEL, name="users"):
        # Many credentials issued at once are many notices and one reload.
        if not notice.channel or not notice.payload.isdigit() or int(notice.payload) > done:
            done = await persistently(lambda: _take_up(url, broker, send))


async def _take_up(url: str, broker: Broker, send: Callable[[int], None]) -> int:
    async with await connect(url, name="users") as conn:
        version, users = await broker_users(conn)
    await asyncio.to_thread(broker.write_users, users)
    if not await broker.reload(send):
        log.error("the broker refused its users file and keeps the old one")
        return version
    async with await connect(url, name="users") as conn:
        await applied(conn, version)
    log.info("the broker knows its users", extra={"devices": len(users)})
    return version


async def _session(url: str) -> None:
    since = datetime.now(UTC)
    while not await persistently(lambda: _has_session(url, since)):  # noqa: ASYNC110 -- another process gets it
        await asyncio.sleep(_ASK_AGAIN)


async def _has_session(url: str, since: datetime) -> bool:
    async with await connect(url, name="session") as conn:
        with translated():
            return await (await conn.execute(SQL["ingest_has_session"], {"since": since})).fetchone() is not None


async def persistently(act: Callable[[], Awaitable[T]]) -> T:
    """The result of `act`, tried again with growing pauses for as long as the database is away."""
    pause = _RETRY[0]
    while True:
        try:
            return await act()
        except StoreError as error:
            log.info("the database does not take it: trying again", extra={"error": str(error)})
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter is no secret
        pause = min(_RETRY[1], pause * 2)


async def report_broker(pool: Pool, broker: Broker, keeper: Keeper) -> None:
    """Say every two seconds how the embedded broker is, since it does not speak to the database itself."""
    with closing(Pulse(broker.url(PUBLISHER))) as pulse:
        while True:
            ok = await pulse.beats()
            detail = {"restarts": max(0, keeper.came_up - 1)} | ({} if ok else {"reason": "it does not answer"})
            try:
                with translated():
                    async with pool.connection() as conn:
                        await conn.execute(SQL["put_part"], {"name": "broker", "ok": ok, "detail": Jsonb(detail)})
            except StoreError:
                log.info("the database is away: the broker's state is not noted")
            await asyncio.sleep(REPORT_SECONDS)
