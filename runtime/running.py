"""What `up` tells the commands that come after it: where its parts are, with their credentials (run/parts.json)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runtime.errors import StartError
from runtime.layout import DataDir, write_private
from runtime.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Addresses of the running parts. `ingest_url`, `publisher_url`, `watch_url` are MQTT's, with credentials."""

    database_url: str = field(repr=False)
    ingest_url: str = field(repr=False)
    publisher_url: str = field(repr=False)
    watch_url: str = field(repr=False)
    http_url: str
    local_url: str
    broker_managed: bool


def publish(data: DataDir, running: Running) -> None:
    """Write the file, readable by the owner of this `up` alone."""
    write_private(data.parts_file, json.dumps(asdict(running), indent=1))


def withdraw(data: DataDir) -> None:
    data.parts_file.unlink(missing_ok=True)


def find(settings: Settings) -> Running | None:
    """The parts that run on this data directory; None where nothing does. Raises `StartError`."""
    path = Path(settings.data).expanduser() / "run" / "parts.json"
    try:
        return Running(**json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise StartError(f"{path} belongs to another user: run this as the user who runs `shouwang up`") from error


def database_url(settings: Settings) -> str:
    """The database that is named, or that of the running parts. Raises `StartError` where there is neither."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return _found(settings, "--database-url").database_url


def publisher_url(settings: Settings) -> str:
    """Where recordings are played to, with the right to publish for every device. Raises `StartError`."""
    if settings.mqtt_url is not None:
        return settings.mqtt_url.get_secret_value()
    return _found(settings, "--mqtt-url").publisher_url


def ingest_url(settings: Settings) -> str:
    """Where ingest subscribes. Raises `StartError`."""
    if settings.mqtt_url is not None:
        return settings.mqtt_url.get_secret_value()
    return _found(settings, "--mqtt-url").ingest_url


def watch_url(settings: Settings) -> str:
    """Where the watch listens. Raises `StartError`."""
    if settings.mqtt_url is not None:
        return settings.mqtt_url.get_secret_value()
    return _found(settings, "--mqtt-url").watch_url


def api_urls(settings: Settings) -> tuple[str, ...]:
    """The APIs whose desks are told, and which are watched: those named, else the one of the running parts."""
    if settings.watch_api_urls:
        return settings.watch_api_urls
    running = find(settings)
    return (settings.local_url if running is None else running.local_url,)


def _found(settings: Settings, option: str) -> Running:
    running = find(settings)
    if running is None:
        raise StartError(f"nothing runs on {settings.data}: start it with `shouwang up --data DIR`, or give {option}")
    return running
