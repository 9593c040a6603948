"""An ingest with the rule engine in a process of its own, which stands by where another holds the partition."""

import asyncio
import logging
import sys

from alerts.live import LiveEngine
from ingest.service import IngestService, hold_or_stand_by
from store.pool import open_pool
from tests.ingest_parts import settings


async def main(client_id: str, mqtt_url: str, database_url: str) -> None:
    logging.basicConfig(level="INFO", format="%(message)s")
    made = settings(mqtt_url, database_url, client_id=client_id)
    async with open_pool(database_url, name="test-process") as pool:
        await hold_or_stand_by(lambda: IngestService(settings=made, pool=pool, engine=LiveEngine()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
