"""Settings: from the command line, the environment (SHOUWANG_*) and one TOML file, in this order; read once."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from runtime.child import MARKER
from runtime.errors import WrongUse
from runtime.lifeline import PARENT

PREFIX = "SHOUWANG_"
CONFIG = "SHOUWANG_CONFIG"
_NOT_SETTINGS = {CONFIG, MARKER, PARENT, "SHOUWANG_TEST_DATABASE_URL"}

Port = Annotated[int, Field(ge=1, le=65535)]


def default_data_dir() -> Path:
    """The system's place for root, the user's own otherwise (XDG base directories)."""
    if os.geteuid() == 0:
        return Path("/var/lib/shouwang")
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "shouwang"


class Settings(BaseSettings):
    """Everything that can be set. Secrets have no default: the embedded parts make their own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    data: Path = Field(default_factory=default_data_dir)
    http_host: str = "127.0.0.1"
    http_port: Port = 8420
    # What browsers and programs call it by; needed behind a proxy.
    base_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+$")
    cookie_secure: bool = False
    proxies: Annotated[tuple[str, ...], NoDecode] = ()
    mqtt_host: str = "127.0.0.1"
    mqtt_port: Port = 1883
    database_url: SecretStr | None = None
    mqtt_url: SecretStr | None = None
    mqtt_ca_file: Path | None = None
    # How long the embedded broker may hold an acknowledged message in memory; see README before changing it.
    sync_interval: str = Field(default="always", pattern=r"^(always|[1-9][0-9]*(ms|s|m))$")
    # Where notices go by themselves, in apprise's spelling; they hold passwords.
    notice_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    # The APIs whose desks the watch tells; by default the one that runs here.
    watch_api_urls: Annotated[tuple[str, ...], NoDecode] = ()
    # By what an API knows the watch, where the two have no data directory in common.
    watch_secret: SecretStr | None = Field(default=None, min_length=32)
    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")

    @field_validator("proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("notice_urls", "watch_api_urls", mode="before")
    @classmethod
    def _spaced(cls, value: object) -> object:
        # Addresses may hold commas.
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("notice_urls")
    @classmethod
    def _channels(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all("://" in url.get_secret_value() for url in value):
            raise ValueError("a channel is an address such as jsons://host/path or mailtos://user:password@host")
        return value

    @field_validator("watch_api_urls")
    @classmethod
    def _apis(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"https?://[^/\s]+", url) for url in value):
            raise ValueError("an API is named as http://host:port or https://host, without a path")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("a database's URL is postgresql://user:password@host:port/name")
        return value

    @field_validator("mqtt_url")
    @classmethod
    def _mqtt(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("mqtt://", "mqtts://")):
            raise ValueError("a broker's URL is mqtt://user:password@host:port or mqtts://…")
        return value

    @property
    def url(self) -> str:
        """What the API is called by, without a slash at the end."""
        return self.base_url or self.local_url

    @property
    def local_url(self) -> str:
        """What the API is called by on this machine, past any proxy."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.http_host, self.http_host)  # noqa: S104 -- compared
        return f"http://{host}:{self.http_port}"


def revealed(secrets: tuple[SecretStr, ...]) -> tuple[str, ...]:
    return tuple(secret.get_secret_value() for secret in secrets)


def load(
    options: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read and check the settings. Raises `WrongUse`, one sentence for each wrong key."""
    environment = os.environ if environment is None else environment
    given = {key: value for key, value in (options or {}).items() if value is not None}
    named = config or (Path(environment[CONFIG]) if environment.get(CONFIG) else None)
    file = _read(named) if named else {}
    problems = _unknown_variables(environment)
    values, origin = _merged(given, environment, file, named)
    try:
        settings = _Given(**values)
    except ValidationError as error:
        raise WrongUse("\n".join(problems + _sentences(error, origin))) from None
    if problems:
        raise WrongUse("\n".join(problems))
    return settings


class _Given(Settings):
    """Made from exactly what it is given: where that came from is known already, so that errors can name it."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _merged(
    given: dict[str, Any], environment: Mapping[str, str], file: dict[str, Any], path: Path | None
) -> tuple[dict[str, Any], dict[str, str]]:
    variables = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    origin = dict.fromkeys(file, f"in {path}")
    origin |= {key: f"in the environment, {PREFIX}{key.upper()}" for key in variables}
    origin |= dict.fromkeys(given, "on the command line")
    return {**file, **variables, **given}, origin


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WrongUse(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUse(f"the settings file {path} is no TOML: {error}") from error


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _NOT_SETTINGS
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    return [f"{name}: there is no such setting (in the environment)" for name in unknown]


def _sentences(error: ValidationError, origin: dict[str, str]) -> list[str]:
    said = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        text = "there is no such setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        text = text.removeprefix("Value error, ")
        said.append(f"{key}: {text[0].lower() + text[1:]} ({origin.get(key.split('.')[0], 'by default')})")
    return said
