"""Telling the desks without the database: each API is told all that is not recorded, again and again."""

import asyncio
import json
import logging
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.columns import NO_TIME
from ingest.lookout.outstanding import Gone
from ingest.lookout.presses import Press

log = logging.getLogger(__name__)

# Seconds. An API that was started anew has heard nothing: what is open is said again.
SAY_AGAIN = 5.0
ANSWER = 2.0
RETRY = (0.2, 2.0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Desks:
    """One API with the desks that it serves. `state` gives what is to be said, at the moment of saying it."""

    def __init__(self, url: str, secret: str, state: Callable[[], dict[str, Any]]) -> None:
        self._url = f"{url}/heard"
        self._secret = secret
        self._state = state
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say it now: something has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Say it for ever."""
        failures = 0
        while True:
            self._changed.clear()
            said = await self._say()
            if said != (failures == 0):
                log.log(
                    logging.INFO if said else logging.WARNING, "desks hear us" if said else "an API does not take it"
                )
            failures = 0 if said else failures + 1
            await self._pause(SAY_AGAIN if said else min(RETRY[1], RETRY[0] * 2.0 ** min(failures, 8)))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _say(self) -> bool:
        body = json.dumps(self._state()).encode()
        try:
            await asyncio.to_thread(self._put, body)
        except (OSError, ValueError):
            return False
        return True

    def _put(self, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, data=body, headers=headers, method="PUT")  # noqa: S310 -- settings allow http and https alone
        with urllib.request.urlopen(request, timeout=ANSWER):  # noqa: S310 -- the same
            pass


def document(unrecorded: list[Press], gone: list[Gone]) -> dict[str, Any]:
    """Return what the API is told: codes, kinds and times."""
    return {
        "heard": [
            {
                "key": press.key,
                "site": press.site,
                "device": press.device,
                "type": press.type,
                "at": None if press.at == NO_TIME else moment(press.at).isoformat(),
                "heard_at": moment(press.received_at).isoformat(),
            }
            for press in unrecorded
        ],
        "gone": [{"key": each.key, "outcome": each.outcome, "log_id": each.log_id} for each in gone],
    }


def moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
