"""A broker's URL."""

import pytest

from ingest.address import BrokerAddress


def test_parts_of_a_url() -> None:
    """Scheme, default ports, credentials with escapes; the password is in no representation."""
    plain = BrokerAddress.parse("mqtt://broker.example")
    assert (plain.host, plain.port, plain.tls, plain.username) == ("broker.example", 1883, False, None)
    full = BrokerAddress.parse("mqtts://h1%3Asos-1:p%40ss@[::1]:1999")
    assert (full.host, full.port, full.tls) == ("::1", 1999, True)
    assert (full.username, full.password) == ("h1:sos-1", "p@ss")
    assert "p@ss" not in repr(full)


@pytest.mark.parametrize("url", ["http://broker", "mqtt://", "broker:1883", "mqtt://u:secret@:1"])
def test_what_is_no_broker(url: str) -> None:
    """The error says what is wanted and quotes no secret."""
    with pytest.raises(ValueError, match="mqtt://host:port") as caught:
        BrokerAddress.parse(url)
    assert "secret" not in str(caught.value)
