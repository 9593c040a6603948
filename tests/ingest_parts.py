"""Ingest under test: an engine that only records, a small registry, and waiting for what must come."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import aiomqtt
import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.address import BrokerAddress
from ingest.protocol import Engine
from ingest.service import IngestService
from ingest.settings import IngestSettings
from store.head import Fenced, Head, InputEntry, append_input, lock_head, save_head
from store.notify import notify
from store.pool import Connection, Pool, open_pool

PATIENCE = 30.0


async def unproved(epoch: int) -> None:
    """For a holder whom nobody watches."""


@dataclass
class Ran:
    """One adopted run of the engine."""

    control: list[InputEntry]
    events: NDArray[np.void]
    watermark: int | None


@dataclass(frozen=True)
class Nothing:
    changed: bool = False


class RecordingEngine:
    """Keeps what it was fed and adopted; refuses to be used out of turn."""

    def __init__(self) -> None:
        self.position = 0
        self.unkept = 0
        self.adopted: list[Ran] = []
        self.dropped = 0
        self.choked = 0
        self.is_due = False
        self._pending: tuple[int, Ran] | None = None

    async def bootstrap(self, conn: Connection) -> None:
        row = await (await conn.execute("SELECT position FROM head")).fetchone()
        assert row is not None
        self.position = row["position"]

    async def run(
        self,
        conn: Connection,  # noqa: ARG002 -- the protocol's
        head: Head,
        *,
        control: Sequence[InputEntry],
        events: NDArray[np.void],
        watermark: int | None,
        received_at: int,  # noqa: ARG002 -- the protocol's
    ) -> Nothing:
        if self.chokes_on(control, watermark):
            self.choked += 1
            raise ZeroDivisionError
        await self.consider(events)
        assert self._pending is None, "the last run was neither adopted nor dropped"
        positions = [e.position for e in control] + events["position"].tolist()
        assert positions == sorted(positions)
        # Others write control entries between ours, and nothing is left out.
        ends = self.position + len(positions) + (watermark is not None)
        assert head.position == ends, (head.position, ends)
        self._pending = (head.position, Ran(list(control), events.copy(), watermark))
        return Nothing()

    async def consider(self, events: NDArray[np.void]) -> None:
        """For those that want to stand in the midst of a transaction."""

    def chokes_on(self, control: Sequence[InputEntry], watermark: int | None) -> bool:  # noqa: ARG002 -- for others
        """For those that have a bug."""
        return False

    def adopt(self) -> None:
        assert self._pending is not None
        self.position, ran = self._pending
        self.adopted.append(ran)
        self._pending = None

    def drop(self) -> None:
        self._pending = None
        self.dropped += 1

    def due(self, now: int) -> bool:  # noqa: ARG002 -- the protocol's
        return self.is_due

    def snapshot(self) -> None:
        """It keeps nothing."""

    @property
    def control(self) -> list[InputEntry]:
        return [entry for ran in self.adopted for entry in ran.control]

    @property
    def watermarks(self) -> list[int]:
        return [ran.watermark for ran in self.adopted if ran.watermark is not None]


@dataclass
class Ingest:
    """A service that runs in this process, with its parts at hand."""

    service: IngestService
    engine: RecordingEngine
    task: asyncio.Task[None]
    pool: Pool
    fenced: bool = False

    async def session(self) -> None:
        """Wait until every filter is subscribed."""
        await until(lambda: hasattr(self.service, "_standing") and self.service._standing.granted)

    async def caught_up(self) -> None:
        await until(lambda: hasattr(self.service, "_standing") and self.service._standing.caught_up)

    async def fence(self) -> None:
        """Wait until another holder has ended this one."""
        await until(self.task.done)
        with pytest.raises(Fenced):
            self.task.result()
        self.fenced = True

    async def stop(self) -> None:
        if self.fenced:
            return
        if self.task.done():
            self.task.result()
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


def settings(mqtt_url: str, database_url: str, **changed: Any) -> IngestSettings:
    return IngestSettings(
        **{
            "broker": BrokerAddress.parse(mqtt_url),
            "client_id": secrets.token_hex(16),
            "database_url": database_url,
            **changed,
        }
    )


@asynccontextmanager
async def running_ingest(made: IngestSettings, engine: Engine | None = None) -> AsyncIterator[Ingest]:
    """A service; one that ends by itself fails the test. `engine`: another than the one that records."""
    async with open_pool(made.database_url, name="test-ingest") as pool:
        recording = RecordingEngine()
        service = IngestService(settings=made, pool=pool, engine=engine or recording)
        ingest = Ingest(service, recording, asyncio.create_task(service.run()), pool)
        try:
            yield ingest
        finally:
            await ingest.stop()


async def until(probe: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Return what the probe gives as soon as that is true; it may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, "what was waited for did not come"
        await asyncio.sleep(0.02)


async def rows(pool: Pool, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    async with pool.connection() as conn:
        return await (await conn.execute(statement.encode(), parameters)).fetchall()


async def value(pool: Pool, statement: str, *parameters: Any) -> Any:
    return next(iter((await rows(pool, statement, *parameters))[0].values()))


async def count(pool: Pool, table: str, *, at_least: int = 0) -> int:
    """Return the rows of a table, or 0 as long as they are fewer than that."""
    found = int(await value(pool, f"SELECT count(*) FROM {table}"))
    return found if found >= at_least else 0


async def settled(ingest: Ingest) -> None:
    """Wait until every delivery is acknowledged and nothing is held."""
    service = ingest.service
    await until(lambda: not len(service._events._tracker) and not service._inbox.held_bytes)


async def register(
    pool: Pool,
    *names: str,
    heartbeat: str | None = None,
    kind: str = "door_sensor",
    gateways: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """Put devices named site/device into the registry and the log, as an import does; return their ids."""
    ids: dict[str, int] = {}
    async with pool.connection() as conn, conn.transaction():
        head = await lock_head(conn)
        sites: list[dict[str, Any]] = []
        devices: list[dict[str, Any]] = []
        for name in names:
            site, code = name.split("/")
            sites.append({"id": await _site(conn, site), "code": site, "kind": "home"})
            row: dict[str, Any] = {"site": sites[-1]["id"], "code": code, "kind": kind}
            row["gateway"] = ids.get(gateways.get(name, ""))
            row["id"] = ids[name] = await _device(conn, row | {"beat": heartbeat})
            row["heartbeat"] = round(float(heartbeat.split()[0]) * 1_000_000) if heartbeat else None
            devices.append(row | {"place": None, "resident": None, "power": None, "since": 0})
        body = {"by": "test", "upsert": {"site": sites, "device": devices}, "remove": {}}
        await append_input(conn, head, [InputEntry(kind="registry", at=datetime.now(UTC), body=body)])
        await save_head(conn, head)
        await notify(conn, "input_log")
    return ids


async def _site(conn: Connection, code: str) -> int:
    statement = (
        "INSERT INTO site (code, kind) VALUES (%s, 'home') ON CONFLICT (code) DO UPDATE SET kind = 'home' RETURNING id"
    )
    row = await (await conn.execute(statement, (code,))).fetchone()
    assert row is not None
    return int(row["id"])


async def _device(conn: Connection, row: Mapping[str, Any]) -> int:
    statement = """
        INSERT INTO device (site, code, kind, heartbeat, gateway)
        VALUES (%(site)s, %(code)s, %(kind)s, %(beat)s::interval, %(gateway)s) RETURNING id
    """
    made = await (await conn.execute(statement, row)).fetchone()
    assert made is not None
    return int(made["id"])


@asynccontextmanager
async def publishing(url: str, **options: Any) -> AsyncIterator[aiomqtt.Client]:
    address = BrokerAddress.parse(url)
    async with aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        max_inflight_messages=1000,
        **options,
    ) as client:
        yield client


async def say(client: aiomqtt.Client, name: str, channel: str = "event", payload: Any = b"", **options: Any) -> None:
    """Publish at QoS 1, acknowledged when this returns."""
    if not isinstance(payload, bytes | str):
        payload = json.dumps(payload)
    await client.publish(f"shouwang/v1/{name}/{channel}", payload, **{"qos": 1, **options})
