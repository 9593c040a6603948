"""Ingest in a process of its own, to be killed. Its engine never comes back from its first events."""

import asyncio
import sys

import numpy as np
from numpy.typing import NDArray

from ingest.service import IngestService
from store.pool import open_pool
from tests.ingest_parts import RecordingEngine, settings

REACHED = "an event is in the transaction"


class StuckEngine(RecordingEngine):
    async def consider(self, events: NDArray[np.void]) -> None:
        if len(events):
            print(REACHED, flush=True)  # noqa: T201 -- what the test waits for
            await asyncio.Event().wait()


async def main() -> None:
    mqtt_url, database_url, client_id = sys.stdin.readline().split("\t")
    made = settings(mqtt_url, database_url, client_id=client_id.strip())
    async with open_pool(database_url, name="test-process") as pool:
        await IngestService(settings=made, pool=pool, engine=StuckEngine()).run()


if __name__ == "__main__":
    asyncio.run(main())
