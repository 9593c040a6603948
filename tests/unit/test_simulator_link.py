"""Where a broker is, read from an URL."""

from pathlib import Path

import pytest

from simulators.link import BadLink, Link


def test_an_url_in_full() -> None:
    """User, password with odd characters, host, port and TLS come out of one URL."""
    link = Link.from_url("mqtts://us%3Aer:p%40ss@broker.example:8884", ca_file=Path("ca.pem"))
    assert (link.host, link.port, link.username, link.password) == ("broker.example", 8884, "us:er", "p@ss")
    assert (link.tls, link.ca_file) == (True, Path("ca.pem"))


@pytest.mark.parametrize(("url", "port"), [("mqtt://h", 1883), ("mqtts://h", 8883), ("mqtt://[::1]", 1883)])
def test_the_usual_port(url: str, port: int) -> None:
    """Without a port it is the scheme's own."""
    assert Link.from_url(url).port == port


def test_a_device_is_its_user_name() -> None:
    """A device's client id is its user name; the rest of the way to the broker stays."""
    device = Link.from_url("mqtts://h").as_user("h1:cam", "secret")
    assert (device.client_id, device.username, device.tls) == ("h1:cam", "h1:cam", True)


def test_the_password_is_not_shown() -> None:
    """Links end up in logs and messages."""
    assert "secret" not in repr(Link.from_url("mqtt://u:secret@h"))
    with pytest.raises(BadLink) as told:
        Link.from_url("tcp://u:secret@h")
    assert "secret" not in str(told.value)
