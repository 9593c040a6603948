"""LISTEN/NOTIFY instead of a second broker. Decision 0003."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import psycopg

from store.errors import StoreUnavailable, translated
from store.pool import Connection, connect
from store.queries import load

SQL = load("store")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A wake-up. An empty channel means: connected anew, whatever was missed must be read."""

    channel: str
    payload: str = ""


async def notify(conn: Connection, channel: str, payload: str = "") -> None:
    """Wake the listeners of a channel when the caller's transaction commits."""
    with translated():
        await conn.execute(SQL["notify"], {"channel": channel, "payload": payload})


async def listen(url: str, *channels: str, name: str = "listen") -> AsyncGenerator[Notice, None]:
    """Notices of these channels, for ever, on a connection of their own that comes back by itself."""
    delay = 0.1
    while True:
        try:
            async with aclosing(_listen_once(url, channels, name)) as notices:
                async for notice in notices:
                    delay = 0.1
                    yield notice
        except StoreUnavailable:
            log.info("the database is away: listening again soon")
        await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter is no secret
        delay = min(delay * 2, 5.0)


async def _listen_once(url: str, channels: tuple[str, ...], name: str) -> AsyncGenerator[Notice, None]:
    conn = await connect(url, name=name)
    try:
        with translated():
            for channel in channels:
                await conn.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
            yield Notice(channel="")
            async for notice in conn.notifies():
                yield Notice(channel=notice.channel, payload=notice.payload)
    finally:
        await conn.close()
