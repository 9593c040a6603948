"""The one place where rooms are joined: real parts go in here, and nothing else knows the other's name."""

from alerts.live import LiveEngine
from api.serve import serve
from api.settings import ApiSettings
from ingest.address import BrokerAddress
from ingest.service import IngestService
from ingest.settings import IngestSettings
from runtime.layout import DataDir
from runtime.running import database_url, find, ingest_url
from runtime.settings import Settings
from store.pool import open_pool


async def run_ingest(settings: Settings, data: DataDir) -> None:
    """Ingest with the rule engine, until cancelled. Raises `Fenced` when another one has taken over."""
    told = IngestSettings(
        broker=BrokerAddress.parse(ingest_url(settings), ca_file=settings.mqtt_ca_file),
        client_id=data.secret("ingest-client-id"),
        database_url=database_url(settings),
    )
    async with open_pool(told.database_url, name="ingest-chores") as pool:
        await IngestService(settings=told, pool=pool, engine=LiveEngine()).run()


async def run_api(settings: Settings) -> None:
    """The API, until SIGTERM or SIGINT. Raises OSError for a used port."""
    running = find(settings)
    await serve(
        ApiSettings(
            database_url=database_url(settings),
            host=settings.http_host,
            port=settings.http_port,
            base_url=settings.url,
            cookie_secure=settings.cookie_secure,
            broker_managed=settings.mqtt_url is None and running is not None and running.broker_managed,
            proxies=settings.proxies,
        )
    )
