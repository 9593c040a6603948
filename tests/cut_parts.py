"""A world watched by ingest's writer on a real database, on a fake clock: cut, broken off, restarted, taken over."""

import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import life
from alerts.live import LiveEngine
from alerts.schedule import micros, moment
from alerts.transitions import Actor
from alerts.versions import put_overrides
from devices.registry import import_registry
from devices.scope import Scope
from ingest.delivery import Delivery
from ingest.holding import Holding, take_over
from ingest.standing import Stall
from ingest.state import flush_states
from ingest.stretch import Stretch
from store.errors import StoreUnavailable
from store.head import Fenced
from store.pool import Connection, connect
from tests.ingest_parts import unproved
from tests.ingest_proxy import Break, CommitProxy, commit_proxy
from tests.log_parts import DEVICES, EVENTS, OVERRIDES, SILENT, WORLD

# Far ahead, so that whatever is written by the machine's own clock came before.
START = datetime(2099, 3, 2, 13, 30, tzinfo=UTC)
FATES = ("kept", "kept", "kept", "broken before", "broken after", "restarted", "restarted in doubt", "taken over")
_PLACES = {place["id"]: place["code"] for place in WORLD["place"]}
_SITES = {site["id"]: site["code"] for site in WORLD["site"]}
_RESIDENTS = {resident["id"]: resident["code"] for resident in WORLD["resident"]}


def registry() -> str:
    """The world of the random logs as a registry file."""
    return "\n".join(
        f"[[{kind}]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in _row(kind, row).items())
        for kind in ("site", "place", "resident", "device")
        for row in WORLD[kind]
    )


def _row(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in row.items() if key != "id" and value is not None}
    if kind != "site":
        told["site"] = _SITES[row["site"]]
    if kind == "device":
        told |= {"place": _PLACES[row["place"]]} if row.get("place") else {}
        # Some are of a resident who is not in this world.
        resident = _RESIDENTS.get(told.pop("resident", 0))
        told |= {"resident": resident} if resident else {}
        told |= {"heartbeat": f"{row['heartbeat'] // 1_000_000}s"} if "heartbeat" in row else {}
    return told


class Watched:
    """The world, its holder, and the messages that no commit has acknowledged yet."""

    def __init__(self, desk: Connection, proxy: CommitProxy, url: str, person: Actor) -> None:
        self.desk, self.person = desk, person
        self.now, self.said = START, 0
        self.waiting: list[Delivery] = []
        self._proxy, self._url = proxy, url
        self._alive_at = START
        self._exits = AsyncExitStack()

    async def start(self) -> None:
        """Become the holder, anew: what was held in memory is gone, what was not acknowledged comes again."""
        self.conn = await self._exits.enter_async_context(await connect(self._url, name="ingest"))
        self.holding: Holding = await take_over(self.conn, LiveEngine(), prove=unproved)
        self.waiting = [told._replace(redelivered=True) for told in self.waiting]
        self._stalled = self.now > self._alive_at

    async def close(self) -> None:
        await self._exits.aclose()

    # ------------------------------------------------------------ what happens in the world
    def say(self, choice: int, lag: timedelta, sort: str) -> None:
        """A device says something; `sort` is what it tells of its order in time."""
        number, what = EVENTS[choice % len(EVENTS)]
        told: dict[str, Any] = {"type": what, "id": f"e{self.said}"}
        if sort == "timed" or (sort == "counted" and choice % 2 == 0):
            told["at"] = (self.now - lag).isoformat()
        elif sort == "skewed":
            told["at"] = (self.now - timedelta(days=30)).isoformat()
        if sort == "counted":
            told |= {"boot": f"b{choice % 7 // 4}", "seq": choice % 50}
        self.said += 1
        self._deliver(number, told, redelivered=sort == "stateless")

    def repeat(self, dice: random.Random) -> None:
        """The broker delivers something a second time."""
        if self.waiting:
            self.waiting.append(dice.choice(self.waiting)._replace(redelivered=True))

    def _deliver(self, number: int, told: dict[str, Any], *, redelivered: bool) -> None:
        device = DEVICES[number]
        topic = f"shouwang/v1/{_SITES[device['site']]}/{device['code']}/event"
        self.waiting.append(Delivery(micros(self.now), topic, json.dumps(told).encode(), redelivered=redelivered))

    async def beat(self, choice: int) -> None:
        """A device that should be heard is heard."""
        code = DEVICES[SILENT[choice % len(SILENT)]]["code"]
        row = await (await self.desk.execute("SELECT id FROM device WHERE code = %s", [code])).fetchone()
        assert row is not None
        self.holding.liveness.touch([(row["id"], micros(self.now))])

    async def act(self, choice: int) -> None:
        """A person claims, gives back or closes one of the open alerts."""
        rows = await (await self.desk.execute("SELECT id FROM alert WHERE handling <> 'closed' ORDER BY id")).fetchall()
        if not rows:
            return
        told = {"alert": rows[choice % len(rows)]["id"], "actor": self.person, "now": self.now}
        if choice % 3:
            await life.close(self.desk, **told, outcome="accidental", contact="by phone")
        elif choice % 2:
            await life.claim(self.desk, **told)
        else:
            await life.release(self.desk, **told)

    async def change(self, choice: int) -> None:
        """Somebody overrides a rule."""
        rule, overrides = OVERRIDES[choice % len(OVERRIDES)]
        told = [{key: value for key, value in override.items() if key != "id"} for override in overrides]
        await put_overrides(self.desk, rule, told, by="test", now=self.now)

    # ------------------------------------------------------------ what becomes of a batch
    async def commit(self, fate: str, *, caught_up: bool) -> None:
        """Write all that waits; what `fate` says befalls the transaction, the connection or the holder."""
        if fate == "taken over":
            await self._fenced(caught_up=caught_up)
        elif fate.startswith("broken"):
            await self._broken("before commit" if fate.endswith("before") else "after commit", caught_up=caught_up)
        elif fate == "restarted in doubt":
            await self._forgotten("after commit", caught_up=caught_up)
        await self._write(self._stretch(caught_up=caught_up))
        if fate == "restarted":
            await flush_states(self.conn, self.holding.liveness, self.holding.lag_watch)
            unheard = self.waiting
            await self.start()
            self.waiting = unheard  # committed, but the acknowledgement was lost
        else:
            self.waiting = []

    def _stretch(self, *, caught_up: bool) -> Stretch:
        decoded = self.holding.decoder.decode(self.waiting, live=caught_up)
        self.holding.liveness.touch(decoded.alive)
        stall = Stall(micros(self._alive_at), micros(self.now)) if caught_up and self._stalled else None
        return Stretch(
            deliveries=list(self.waiting), decoded=decoded, now=micros(self.now), caught_up=caught_up,
            scan=caught_up and stall is None, stall=stall,
        )  # fmt: skip

    async def _write(self, stretch: Stretch) -> None:
        written = await self.holding.writer.write(self.conn, stretch)
        self.holding.lag_watch.adopt(written.lagging)
        self.holding.liveness.adopt(written.changes, stretch.decoded.statuses)
        if stretch.stall is not None:
            self.holding.liveness.stalled(stretch.stall)
        if stretch.caught_up:
            self._alive_at, self._stalled = moment(stretch.now), False

    async def _broken(self, how: Break, *, caught_up: bool) -> None:
        """The COMMIT, or its answer, is lost; the same holder asks again."""
        stretch = self._stretch(caught_up=caught_up)
        self._proxy.arm(how)
        with pytest.raises(StoreUnavailable):
            await self._write(stretch)
        self.conn = await self._exits.enter_async_context(await connect(self._url, name="ingest"))
        await self._write(stretch)

    async def _forgotten(self, how: Break, *, caught_up: bool) -> None:
        """The answer to the COMMIT is lost, and with it the holder."""
        self._proxy.arm(how)
        with pytest.raises(StoreUnavailable):
            await self._write(self._stretch(caught_up=caught_up))
        await self.start()

    async def _fenced(self, *, caught_up: bool) -> None:
        """Another holder comes; the old one, which does not know, writes nothing."""
        stretch, conn, writer = self._stretch(caught_up=caught_up), self.conn, self.holding.writer
        await self.start()
        with pytest.raises(Fenced):
            await writer.write(conn, stretch)


@asynccontextmanager
async def watched(database_url: str) -> AsyncIterator[Watched]:
    """The world under watch, in a migrated database of its own."""
    async with commit_proxy(database_url) as (proxy, url), await connect(database_url, name="desk") as desk:
        await import_registry(desk, registry(), file="registry.toml", by="test", now=START)
        made = await desk.execute(
            "INSERT INTO principal (name, role, created_at) VALUES ('desk', 'supervisor', %s) RETURNING id", [START]
        )
        row = await made.fetchone()
        assert row is not None
        world = Watched(desk, proxy, url, Actor(id=row["id"], name="desk", role="supervisor", scope=Scope.DISTRICT))
        try:
            await world.start()
            yield world
        finally:
            await world.close()
