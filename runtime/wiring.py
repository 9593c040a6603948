"""The one place where ingest meets the engine: real parts go in here, and neither knows the other's name."""

from alerts.live import LiveEngine
from ingest.address import BrokerAddress
from ingest.service import IngestService, hold_or_stand_by
from ingest.settings import IngestSettings
from runtime.layout import DataDir
from runtime.running import database_url, ingest_url
from runtime.settings import Settings
from store.pool import open_pool


async def run_ingest(settings: Settings, data: DataDir) -> None:
    """Ingest with the rule engine, or stand by for another that has it, until cancelled."""
    told = IngestSettings(
        broker=BrokerAddress.parse(ingest_url(settings), ca_file=settings.mqtt_ca_file),
        client_id=data.secret("ingest-client-id"),
        database_url=database_url(settings),
    )
    async with open_pool(told.database_url, name="ingest-chores") as pool:

        def afresh() -> IngestService:
            return IngestService(settings=told, pool=pool, engine=LiveEngine(data.checkpoint_file))

        await hold_or_stand_by(afresh)
