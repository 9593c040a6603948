"""The whole system with Debian's Mosquitto as its broker, held to what is promised of the embedded one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_claims import test_fifty_claims_at_once_have_one_holder
from tests.acceptance.test_kills import test_a_kill_while_devices_publish, test_ten_thousand_events_while_ingest_is_down
from tests.acceptance.test_press import test_a_press_is_an_alert_within_a_second, test_a_second_press_is_an_occurrence
from tests.acceptance.test_recording_played import (
    test_a_recording_is_stored_once_however_often_it_is_played,
    test_rebased_it_is_of_today,
)
from tests.acceptance.test_wrong_inputs import (
    test_one_bad_event_in_a_batch_of_two_thousand,
    test_strangers,
    test_what_cannot_be_stored_is_in_quarantine,
    test_wrong_clocks_are_stored_and_marked,
)
from tests.soak.mosquitto import ALL, Mosquitto, running_mosquitto
from tests.stack import Device, Stack
from tests.waiting import until

# The same tests, with another stack under them.
__all__ = [
    "test_a_kill_while_devices_publish",
    "test_a_press_is_an_alert_within_a_second",
    "test_a_recording_is_stored_once_however_often_it_is_played",
    "test_a_second_press_is_an_occurrence",
    "test_fifty_claims_at_once_have_one_holder",
    "test_one_bad_event_in_a_batch_of_two_thousand",
    "test_rebased_it_is_of_today",
    "test_strangers",
    "test_ten_thousand_events_while_ingest_is_down",
    "test_what_cannot_be_stored_is_in_quarantine",
    "test_wrong_clocks_are_stored_and_marked",
]
pytestmark = pytest.mark.timeout(280)


class StackOnMosquitto(Stack):
    """`shouwang up` beside a broker of its own, where an operator lets devices in."""

    def __init__(self, data: Path, mosquitto: Mosquitto) -> None:
        super().__init__(data)
        self._mosquitto = mosquitto
        self._admitted: dict[tuple[str, str], tuple[str, str]] = {}

    def up(self, *options: str) -> None:
        super().up("--mqtt-url", self._mosquitto.url(ALL), *options)

    def device(self, site: str, device: str) -> Device:
        if (site, device) not in self._admitted:
            self._admitted[site, device] = self._mosquitto.admit(site, device)
        login = Device(self._mosquitto.port, *self._admitted[site, device])
        login.site, login.code = site, device
        self._devices.append(login)
        until("a device connects with its credentials", login.client.is_connected)
        return login


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[Stack]:
    """One stack for all of it; `up` is killed by some."""
    data = Path(tempfile.mkdtemp(prefix="sw-stack-"))
    data.chmod(0o711)
    with running_mosquitto(project / "deploy") as mosquitto:
        running = StackOnMosquitto(data, mosquitto)
        try:
            running.up()
            yield running
        finally:
            running.down()
            running.log.unlink(missing_ok=True)
            shutil.rmtree(data, ignore_errors=True)
