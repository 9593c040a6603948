"""The directory as it follows the log."""

import time
from typing import Any

from devices.directory import Directory
from devices.models import DEVICE_KINDS


def device(number: int, code: str, **facts: Any) -> dict[str, Any]:
    return {"id": number, "site": 1, "code": code, "kind": "camera", "gateway": None, "heartbeat": None, **facts}


def entry(*devices: dict[str, Any]) -> dict[str, Any]:
    return {"by": "tester", "upsert": {"site": [{"id": 1, "code": "h1"}], "device": list(devices)}, "remove": {}}


def test_devices_of_an_entry() -> None:
    """A registered device is found by its topic's name, its facts by its number."""
    directory = Directory()
    directory.apply(entry(device(7, "gw", kind="gateway", heartbeat=60_000_000), device(3, "mag", gateway=7)))
    assert directory.id_of == {"h1/gw": 7, "h1/mag": 3}
    assert (directory.site[3], directory.gateway[3], directory.heartbeat[3]) == (1, 7, 0)
    assert (directory.gateway[7], directory.heartbeat[7]) == (0, 60_000_000)
    assert DEVICE_KINDS[directory.kind[7]] == "gateway"
    assert directory.kind[5] == -1


def test_a_later_entry_without_the_site() -> None:
    """An entry names the site's number only; its code is known from before."""
    directory = Directory()
    directory.apply(entry(device(3, "mag")))
    directory.apply({"upsert": {"device": [device(3, "mag", heartbeat=5), device(4, "new")]}})
    assert directory.heartbeat[3] == 5
    assert directory.id_of["h1/new"] == 4


def test_a_removed_device_is_unknown() -> None:
    """Nobody is watched under its name, and nothing is expected of it."""
    directory = Directory()
    directory.apply(entry(device(3, "mag", heartbeat=5)))
    directory.apply({"remove": {"device": [3, 99]}})
    assert directory.id_of == {}
    assert directory.kind[3] == -1
    assert directory.heartbeat[3] == 0
    assert len(directory) == 0


def test_what_is_expected_of_a_device() -> None:
    """Its own beats, else what its power allows; nothing of who is gone or tells of itself."""
    directory = Directory()
    directory.apply(
        entry(
            device(1, "gw", kind="gateway", heartbeat=60_000_000),
            device(2, "pir", kind="motion", power="mains"),
            device(3, "mag", kind="door_sensor", power="battery"),
            device(4, "cam", power="mains"),
        )
    )
    minute = 60_000_000
    assert directory.interval[1:5].tolist() == [minute, 3 * minute, 8 * 60 * minute, 0]
    assert directory.grace[1:5].tolist() == [3 * minute, 9 * minute, 9 * minute, 0]
    directory.apply({"remove": {"device": [3]}})
    assert directory.interval[3] == 0


def test_a_hundred_thousand_devices() -> None:
    """Devices come in by columns, not one by one."""
    directory = Directory()
    rows = [device(n, f"d{n}") for n in range(1, 100_001)]
    started = time.perf_counter()
    directory.apply(entry(*rows))
    assert time.perf_counter() - started < 5
    assert len(directory) == 100_000
    assert directory.id_of["h1/d77777"] == 77_777
