"""By what the API knows the watch: a secret that is generated, or named where the two share no data directory."""

from runtime.layout import DataDir
from runtime.settings import Settings

_NAME = "watch"


def watch_secret(settings: Settings, data: DataDir) -> str:
    """The secret, made at its first use where none is named."""
    if settings.watch_secret is not None:
        return settings.watch_secret.get_secret_value()
    return data.secret(_NAME)


def known_watch_secret(settings: Settings) -> str | None:
    """The same for a reader that makes no directory; None where there is neither."""
    data = DataDir(settings.data)
    return watch_secret(settings, data) if settings.watch_secret is not None or data.secrets.is_dir() else None
