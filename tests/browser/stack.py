"""The desk's whole stack in one process: database, broker, ingest with the engine, API; browsers come over a proxy."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI

from alerts.live import LiveEngine
from api.app import create_app
from api.serve import Server, bind
from api.settings import ApiSettings
from api.tokens import issue_link, issue_token
from devices.registry import import_registry
from ingest.address import BrokerAddress
from ingest.service import IngestService
from ingest.settings import IngestSettings
from store.pool import Pool, open_pool
from tests.browser.proxy import Proxy
from tests.ingest_parts import publishing, say
from tests.parts import Login, RunningBroker
from tests.watch_parts import SECRET

REGISTRY = """
[[site]]
code = "h1"
kind = "home"
name = ""
street = "示范一街道"
community = "二社区"
address = "3号楼 2单元 501"
provider = "服务商 02"
[[site]]
code = "c1"
kind = "institution"
name = "示范一院"
street = "示范二街道"
address = "院前路 1 号"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "exit"
[[place]]
site = "c1"
code = "door-east"
kind = "door"
role = "exit"
[[resident]]
code = "A-017"
site = "h1"
name = "王桂兰"
flags = ["fall_risk", "lives_alone"]
[resident.care]
conditions = "高血压，服抗凝药"
key_notes = "钥匙盒在门右下"
[[resident]]
code = "A-018"
site = "c1"
name = "<img src=x onerror=alert(1)>"
[[contact]]
id = "c-1"
resident = "A-017"
name = "王女士"
relation = "女儿"
order = 1
phone = "000-0000-0101"
[[contact]]
id = "c-2"
resident = "A-017"
name = "老张"
relation = "502 邻居"
order = 2
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "A-017"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
power = "battery"
[[device]]
site = "c1"
code = "sos-2"
kind = "sos_button"
resident = "A-018"
[[device]]
site = "c1"
code = "mag-2"
kind = "door_sensor"
place = "door-east"
[[device]]
site = "c1"
code = "cam-1"
kind = "camera"
place = "door-east"
[[device]]
site = "c1"
code = "guard-1"
kind = "guard"
"""
DEVICES = ("h1:sos-1", "h1:mag-1", "c1:sos-2", "c1:mag-2", "c1:cam-1", "c1:guard-1")

_KNOW = """
INSERT INTO device_state (device, last_seen, liveness, battery)
SELECT device.id, now(), %(liveness)s, %(battery)s FROM device JOIN site ON site.id = device.site
 WHERE site.code || ':' || device.code = %(device)s
    ON CONFLICT (device) DO UPDATE
   SET last_seen = excluded.last_seen, liveness = excluded.liveness, battery = excluded.battery
"""


@dataclass(kw_only=True)
class Stack:
    """What runs, and what people and devices do with it. `url` is what browsers open."""

    pool: Pool
    database_url: str
    broker: RunningBroker
    logins: Mapping[str, Login]
    proxy: Proxy
    app: FastAPI
    ingest: "asyncio.Task[None] | None" = None
    client_id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}"

    async def link(self, name: str, role: str = "duty") -> str:
        """The address of a one-time sign-in link for a new principal."""
        async with self.pool.connection() as conn:
            secret = await issue_link(conn, role=role, name=name, now=datetime.now(UTC))
        return f"{self.url}/signin?link={secret}"

    async def token(self, name: str, role: str = "duty") -> str:
        async with self.pool.connection() as conn:
            _, token = await issue_token(conn, role=role, name=name, now=datetime.now(UTC))
        return token

    async def publish(self, device: str, kind: str, **more: object) -> None:
        """One event from a device named `site:device`, acknowledged when this returns."""
        async with publishing(self.broker.device_url(self.logins[device]), identifier=device) as client:
            await say(client, device.replace(":", "/"), payload={"type": kind, "id": secrets.token_hex(8), **more})

    async def press(self, device: str = "h1:sos-1") -> None:
        await self.publish(device, "sos.pressed")

    async def leave_open(self, device: str = "c1:mag-2") -> None:
        """A door that has been open for long enough already."""
        await self.publish(device, "door.opened", at=(datetime.now(UTC) - timedelta(minutes=15)).isoformat())

    async def execute(self, statement: str) -> None:
        async with self.pool.connection() as conn:
            await conn.execute(statement.encode())

    async def logged(self, changes: int) -> None:
        """Until that many changes of alerts are stored."""
        async with asyncio.timeout(30):
            while await self._changes() < changes:  # noqa: ASYNC110 -- ingest's own batches are waited for
                await asyncio.sleep(0.02)

    async def _changes(self) -> int:
        async with self.pool.connection() as conn:
            return len(await (await conn.execute("SELECT FROM alert_log")).fetchall())

    async def know(self, device: str, liveness: str, battery: int | None = None) -> None:
        """What ingest writes down of a device named `site:device`, at once."""
        async with self.pool.connection() as conn:
            await conn.execute(_KNOW, {"device": device, "liveness": liveness, "battery": battery})

    def start_ingest(self) -> None:
        settings = IngestSettings(
            broker=BrokerAddress.parse(self.broker.url("ingest")),
            client_id=self.client_id,
            database_url=self.database_url,
        )
        service = IngestService(settings=settings, pool=self.pool, engine=LiveEngine())
        self.ingest = asyncio.create_task(service.run(), name="ingest")

    async def fall_silent(self) -> None:
        """Ingest ends, and what it last said is 40 s old."""
        await self.stop_ingest()
        await self.execute("UPDATE part SET at = now() - interval '40 s' WHERE name = 'ingest'")

    async def stop_ingest(self) -> None:
        if self.ingest is not None:
            self.ingest.cancel()
            with suppress(asyncio.CancelledError):
                await self.ingest
        self.ingest = None


@asynccontextmanager
async def running_stack(database_url: str, broker: RunningBroker) -> AsyncIterator[Stack]:
    """Everything that stands behind a desk, with a home and an institution registered."""
    async with AsyncExitStack() as ends:
        pool = await ends.enter_async_context(open_pool(database_url, name="test-desk"))
        async with pool.connection() as conn:
            await import_registry(conn, REGISTRY, file="registry.toml", by="test", now=datetime.now(UTC))
        logins = {login.username: login for login in await broker.add(*DEVICES)}
        settings = ApiSettings(database_url=database_url, broker_managed=False, watch_secret=SECRET)
        app = create_app(settings)
        proxy = Proxy(await ends.enter_async_context(_served(app, settings)))
        await ends.enter_async_context(proxy.running())
        stack = Stack(pool=pool, database_url=database_url, broker=broker, logins=logins, proxy=proxy, app=app)
        stack.start_ingest()
        ends.push_async_callback(stack.stop_ingest)
        yield stack


@asynccontextmanager
async def _served(app: FastAPI, settings: ApiSettings) -> AsyncIterator[int]:
    """The API over a real socket; its port."""
    listening: socket.socket = bind("127.0.0.1", 0)
    server = Server(app, settings)
    serving = asyncio.create_task(server.serve([listening]), name="api")
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        listening.close()
