"""The watch: what is heard, what stands still, and the ways to tell it are joined here, each in a task of its own."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.notices import wording
from alerts.notices.channels import BadChannel, Channels, open_channels
from alerts.notices.pacing import Pacing
from alerts.notices.wording import Call, Notice
from ingest.address import BrokerAddress
from ingest.lookout.presses import Press
from ingest.lookout.service import Lookout, LookoutSettings
from ingest.tasks import until_one_ends
from runtime import watch_metrics as metrics
from runtime.desks import Desks, document, moment
from runtime.errors import StartError
from runtime.layout import DataDir
from runtime.probes import EVERY, DatabaseProbe, probe_apis, probe_broker
from runtime.running import api_urls, database_url, watch_url
from runtime.settings import Settings, revealed
from runtime.stalls import PATIENCE, Stalls, Step
from runtime.watch_secret import watch_secret

log = logging.getLogger(__name__)

# A reconnect is no deafness yet.
DEAF_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """What the watch is told at start. Secrets are kept out of its repr."""

    lookout: LookoutSettings
    mqtt_url: str
    database_url: str
    api_urls: tuple[str, ...]
    secret: str
    notice_urls: tuple[str, ...] = ()
    stalled_after: timedelta = PATIENCE
    look_every: float = EVERY

    def __repr__(self) -> str:
        return f"WatchSettings(api_urls={self.api_urls!r}, channels={len(self.notice_urls)})"


async def run_watch(settings: Settings, data: DataDir) -> None:
    """The watch, until cancelled. Raises `StartError` for a channel's address that is none."""
    broker, database = watch_url(settings), database_url(settings)
    lookout = LookoutSettings(
        broker=BrokerAddress.parse(broker, ca_file=settings.mqtt_ca_file),
        database_url=database,
        file=data.path / "heard.json",
    )
    told = WatchSettings(
        lookout=lookout,
        mqtt_url=broker,
        database_url=database,
        api_urls=api_urls(settings),
        secret=watch_secret(settings, data),
        notice_urls=revealed(settings.notice_urls),
    )
    await Watch(told).run()


class Watch:
    """One watch. Each thing that it does is a task of its own."""

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        self._lookout = Lookout(settings.lookout, told=self._told, changed=self._changed)
        self._desks = [Desks(url, settings.secret, self._state) for url in settings.api_urls]
        self._stalls = Stalls(datetime.now(UTC), patience=settings.stalled_after)
        self._pacing = Pacing()
        self._notices: asyncio.Queue[Notice] = asyncio.Queue()
        self._heard_at = datetime.now(UTC)
        self._open_before = False

    async def run(self) -> None:
        """Watch until cancelled."""
        async with AsyncExitStack() as exits:
            database = DatabaseProbe(self._settings.database_url)
            exits.push_async_callback(database.close)
            works = {
                "watch-hear": self._lookout.run(),
                "watch-notices": self._post(),
                "watch-judge": self._judge(),
                "watch-database": self._look(database),
                "watch-broker": probe_broker(self._stalls, self._settings.lookout.broker, self._settings.mqtt_url),
                "watch-apis": probe_apis(self._stalls, self._settings.api_urls),
            }
            works |= {f"watch-desks-{n}": desks.run() for n, desks in enumerate(self._desks)}
            await until_one_ends(works)

    # ---------------------------------------------------------------- what was heard

    def _told(self, presses: Sequence[Press]) -> None:
        calls = [Call(site=p.site, device=p.device, type=p.type, at=moment(p.received_at)) for p in presses]
        if notice := self._pacing.of(calls, datetime.now(UTC)):
            self._notices.put_nowait(notice)

    def _changed(self) -> None:
        is_open = bool(self._lookout.unrecorded)
        if self._open_before and not is_open:
            self._notices.put_nowait(wording.recorded())
            self._pacing = Pacing()  # the next press is news again
        self._open_before = is_open
        for desks in self._desks:
            desks.changed()

    def _state(self) -> dict[str, Any]:
        return document(self._lookout.unrecorded, self._lookout.gone)

    # ---------------------------------------------------------------- what stands still

    async def _look(self, database: DatabaseProbe) -> None:
        while True:
            ok = self._hears()
            detail: dict[str, Any] = {"unrecorded": len(self._lookout.unrecorded), "stalled": self._stalls.stalled}
            if not ok:
                detail["reason"] = "it does not hear the broker"
            await database.look(self._stalls, ok=ok, detail=detail)
            await asyncio.sleep(self._settings.look_every)

    def _hears(self) -> bool:
        now = datetime.now(UTC)
        if self._lookout.hears:
            self._heard_at = now
        return now - self._heard_at < DEAF_AFTER

    async def _judge(self) -> None:
        while True:
            now = datetime.now(UTC)
            for step in self._stalls.judge(now):
                log.warning(
                    "a part stands still" if step.kind != "ended" else "a part is back", extra={"target": step.part}
                )
                self._notices.put_nowait(_notice(step, now))
            metrics.show(self._stalls.stalled)
            await asyncio.sleep(1.0)

    # ---------------------------------------------------------------- telling people elsewhere

    async def _post(self) -> None:
        channels = await self._channels()
        try:
            while True:
                channels.send(await self._notices.get())
        finally:
            channels.close()

    async def _channels(self) -> Channels:
        try:
            return await asyncio.to_thread(open_channels, self._settings.notice_urls)
        except BadChannel as error:
            raise StartError(str(error)) from error


def _notice(step: Step, now: datetime) -> Notice:
    if step.kind == "stalled":
        return wording.stalled(step.part, since=step.since)
    told = wording.still_stalled if step.kind == "still" else wording.ended
    return told(step.part, since=step.since, now=now)
