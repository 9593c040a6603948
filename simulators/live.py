"""A scenario in real time, through the public API and MQTT alone."""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.api_client import ApiClient, ApiError
from simulators.fleet import Afterwards, Fleet, Key, with_session
from simulators.link import Link
from simulators.scenario import Scenario
from simulators.world import World

log = logging.getLogger(__name__)

LOOKS = 10
LOOK_AGAIN = (0.2, 0.6)  # seconds, between two looks whether the thresholds stand
AGAIN_AFTER = 1.0  # seconds, while the API is not to be reached
AT_ONCE = 16  # credentials being issued: together they cost the broker one reload
SERVER_AT_FAULT = 500


async def run_live(
    scenario: Scenario,
    *,
    api: ApiClient,
    broker: Link,
    seed: int,
    stop: asyncio.Event | None = None,
    afterwards: Afterwards | None = None,
) -> None:
    """Register the world, set the thresholds, log every device in, act. Returns after the last act or at `stop`.

    `afterwards` is awaited after the last act, with the moment of the beginning, while the devices are still alive.
    Waits for the API for as long as it takes; raises ApiError where it refuses.
    """
    playing = asyncio.create_task(_run(scenario, api, broker, seed, afterwards), name=scenario.name)
    stopping = asyncio.create_task((stop or asyncio.Event()).wait(), name="stop")
    try:
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            await playing
    finally:
        for task in (playing, stopping):
            task.cancel()
        await asyncio.gather(playing, stopping, return_exceptions=True)


async def _run(scenario: Scenario, api: ApiClient, broker: Link, seed: int, afterwards: Afterwards | None) -> None:
    links = await _prepared(scenario, api, broker)
    # Another run with the same seed is another life of the devices: nothing of it is taken for a repetition.
    boot = f"{scenario.name}-{seed}-{time.time_ns() // 1_000_000:x}"
    await Fleet(scenario.world, links, boot=boot).run(scenario.acts(seed), afterwards)


async def _prepared(scenario: Scenario, api: ApiClient, broker: Link) -> dict[Key, Link]:
    while True:
        try:
            await api.import_registry(scenario.world.registry())
            await _set_thresholds(scenario.overrides, api)
            links = await _logins(scenario.world, api, broker)
            await _stand_by_thresholds(scenario.overrides, api)
            return links  # noqa: TRY300 -- what follows is for where it could not be had
        except OSError as error:
            log.info("the API is not to be reached yet", extra={"error": type(error).__name__})
        except ApiError as error:
            if error.status < SERVER_AT_FAULT:
                raise
            log.info("the API is not ready yet", extra={"status": error.status})
        await asyncio.sleep(AGAIN_AFTER)


async def _stand_by_thresholds(wanted: Mapping[str, Sequence[Mapping[str, Any]]], api: ApiClient) -> None:
    """Put again what another scenario, which set its own at the same time, may have taken away."""
    for _ in range(LOOKS):
        if not await _set_thresholds(wanted, api):
            return
        await asyncio.sleep(random.uniform(*LOOK_AGAIN))  # noqa: S311 -- no secret


async def _set_thresholds(wanted: Mapping[str, Sequence[Mapping[str, Any]]], api: ApiClient) -> bool:
    """Put the scenario's overrides beside those of other scopes, which stay; whether any was missing."""
    changed = False
    for rule in await api.rules():
        before = {override["scope"]: _said(override) for override in rule["overrides"]}
        after = before | {override["scope"]: _said(override) for override in wanted.get(rule["code"], ())}
        if after != before:
            await api.put_overrides(rule["code"], list(after.values()))
            changed = True
    return changed


def _said(override: Mapping[str, Any]) -> dict[str, Any]:
    """An override as a person would write it, without what the server adds."""
    return {key: value for key, value in override.items() if key in {"scope", "set", "enabled"}}


async def _logins(world: World, api: ApiClient, broker: Link) -> dict[Key, Link]:
    keys = [key for key, _ in with_session(world)]
    room = asyncio.Semaphore(AT_ONCE)

    async def issued(key: Key) -> tuple[str, str]:
        async with room:
            return await api.credentials(*key)

    credentials = await asyncio.gather(*map(issued, keys))
    return {key: broker.as_user(*login) for key, login in zip(keys, credentials, strict=True)}
