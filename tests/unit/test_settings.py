"""Settings: where they come from, and that every mistake names its key."""

from pathlib import Path

import pytest

from runtime.errors import WrongUse
from runtime.settings import Settings, load


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_defaults_keep_to_this_machine() -> None:
    """Without a word nothing listens to the outside, nothing is lost in memory, and no secret exists."""
    settings = load(environment={})
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8420)
    assert (settings.mqtt_host, settings.mqtt_port) == ("127.0.0.1", 1883)
    assert settings.sync_interval == "always"
    assert (settings.database_url, settings.mqtt_url) == (None, None)


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    """The nearest word counts."""
    file = write(tmp_path / "s.toml", "http_port = 1001\nmqtt_port = 1002\nlog_level = 'debug'\n")
    environment = {"SHOUWANG_CONFIG": str(file), "SHOUWANG_HTTP_PORT": "2001", "SHOUWANG_MQTT_PORT": "2002"}
    settings = load({"http_port": 3001, "mqtt_port": None}, environment=environment)
    assert (settings.http_port, settings.mqtt_port, settings.log_level) == (3001, 2002, "debug")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("http_prot = 1\n", "http_prot: there is no such setting"),
        ("http_port = 0\n", "http_port: input should be greater than or equal to 1"),
        ("http_port = 'many'\n", "http_port: input should be a valid integer"),
        ("sync_interval = 'never'\n", "sync_interval: "),
        ("database_url = 'mysql://u:hidden@h/d'\n", "database_url: a database's URL is postgresql://"),
        ("mqtt_url = 'http://u:hidden@h'\n", "mqtt_url: a broker's URL is mqtt://"),
        ("base_url = 'shouwang.example'\n", "base_url: "),
        ("[http]\nport = 1\n", "http: there is no such setting"),
    ],
)
def test_a_mistake_in_the_file_names_key_and_file(tmp_path: Path, text: str, key: str) -> None:
    """One sentence with the key, what is wrong, and where it stands; never the value, which may be a secret."""
    file = write(tmp_path / "s.toml", text)
    with pytest.raises(WrongUse) as caught:
        load(config=file, environment={})
    said = str(caught.value)
    assert said.startswith(key)
    assert said.endswith(f"(in {file})")
    assert "hidden" not in said


def test_every_mistake_is_told_at_once() -> None:
    """Whoever corrects one does not meet the next by starting again."""
    environment = {"SHOUWANG_HTTP_PORT": "x", "SHOUWANG_MQTT_PORT": "-1", "SHOUWANG_HTPP_HOST": "h"}
    with pytest.raises(WrongUse) as caught:
        load(environment=environment)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "SHOUWANG_HTPP_HOST",
        "http_port",
        "mqtt_port",
    ]
    assert "in the environment, SHOUWANG_HTTP_PORT" in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A missing file and one that is no TOML are told by their path."""
    with pytest.raises(WrongUse, match=r"none\.toml cannot be read"):
        load(config=tmp_path / "none.toml", environment={})
    broken = write(tmp_path / "broken.toml", "http_port = = 1")
    with pytest.raises(WrongUse, match=r"broken\.toml is no TOML"):
        load(config=broken, environment={})


def test_secrets_do_not_show() -> None:
    """The settings may be logged or shown in a traceback without telling a password."""
    settings = load({"database_url": "postgresql://u:hidden@h/d", "mqtt_url": "mqtt://u:hidden@h"}, environment={})
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings.model_dump())


def test_a_list_of_proxies() -> None:
    """Addresses in the environment are parted by commas, in a file they are a list."""
    assert load(environment={"SHOUWANG_PROXIES": "10.0.0.1, 10.0.0.2"}).proxies == ("10.0.0.1", "10.0.0.2")


def test_settings_do_not_change() -> None:
    """They are read once."""
    settings = load(environment={})
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8420"),
        ({"http_host": "0.0.0.0", "http_port": 80}, "http://127.0.0.1:80"),  # noqa: S104 -- nothing is bound here
        ({"base_url": "https://desk.example"}, "https://desk.example"),
    ],
)
def test_the_address_that_links_are_made_of(given: dict[str, object], url: str) -> None:
    """A link must lead somewhere from where it is read."""
    assert load(given, environment={}).url == url


def test_no_field_is_a_secret_with_a_default() -> None:
    """Whatever holds a secret must be given."""
    secret = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    assert secret == ["database_url", "mqtt_url", "notice_urls", "watch_secret"]
    assert not any(Settings.model_fields[name].default for name in secret)
