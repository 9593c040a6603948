"""The API with its settings; apart from ingest's wiring, so that neither process loads the other's rooms."""

from api.serve import serve
from api.settings import ApiSettings
from runtime.running import database_url, find
from runtime.settings import Settings
from runtime.watch_secret import known_watch_secret


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
            watch_secret=known_watch_secret(settings),
            # `up` always starts one; what runs apart is known by its own word.
            watched=running is not None,
        )
    )
