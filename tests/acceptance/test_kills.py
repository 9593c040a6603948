"""SIGKILL of ingest, of everything, and long absences: what was acknowledged is there, once."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

import paho.mqtt.client as mqtt
import psutil
import pytest

from tests.stack import Device, Stack, crowding, home, homes, running_stack
from tests.waiting import settled, until

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of this module's own: its tests kill parts of it."""
    with running_stack() as running:
        yield running


def without_ingest(stack: Stack) -> None:
    """SIGKILL ingest while `up` cannot start it again."""
    stack.pause()
    os.kill(stack.pid_of("ingest"), signal.SIGKILL)
    until("ingest is gone", lambda: not _alive(stack), 10)


def _alive(stack: Stack) -> bool:
    pid = stack.pid_of("ingest")
    return bool(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def values(stack: Stack, site: str) -> Counter[float]:
    """How often each value is stored."""
    return Counter(event["value"] for event in stack.all(f"/events?site={site}"))


def test_ten_thousand_events_while_ingest_is_down(stack: Stack) -> None:
    """The broker keeps them; after the start each is there, once."""
    stack.register(home("queue"))
    sensor = stack.device("queue", "mag-1")
    without_ingest(stack)
    sent = [sensor.publish({"type": "test.count", "id": f"e{n}", "value": n}) for n in range(10_000)]
    until("the broker has acknowledged all", lambda: all(info.is_published() for info in sent), 60)
    stack.resume()
    assert settled(lambda: stored_count(stack), 10_000, seconds=90) >= 10_000
    assert values(stack, "queue") == Counter(range(10_000))


def stored_count(stack: Stack) -> int:
    """How many events were stored, by the metric: the list of ten thousand would take long to ask for each time."""
    return int(stack.metric("shouwang_events_total"))


def test_a_press_that_ingest_took_with_it(stack: Stack) -> None:
    """Ingest is killed holding an unacknowledged press: one alert within 5 s of the restart (the median of three)."""
    sites = ("taken1", "taken2", "taken3")
    stack.register(homes(*sites))
    assert median(seconds_to_the_alert_of_a_lost_press(stack, site) / crowding() for site in sites) < 5
    assert [alert["occurrences"] for site in sites for alert in stack.alerts(site, "S-01")] == [1, 1, 1]


def seconds_to_the_alert_of_a_lost_press(stack: Stack, site: str) -> float:
    """How long after ingest's restart its alert is there."""
    button = stack.device(site, "sos-1")
    stack.pause()
    ingest = stack.pid_of("ingest")
    os.kill(ingest, signal.SIGSTOP)
    button.say({"type": "sos.pressed", "id": "p1"})
    os.kill(ingest, signal.SIGKILL)
    stack.resume()
    new = until("ingest is started again", lambda: (pid := stack.pid_of("ingest")) not in (0, ingest) and pid, 20)
    started = psutil.Process(new).create_time()
    until("S-01", lambda: stack.alerts(site, "S-01"), 20)
    return time.time() - started


@pytest.mark.parametrize("everything", [True, False])
def test_a_kill_while_devices_publish(stack: Stack, *, everything: bool) -> None:
    """Of all, or of `up` alone: with what is sent again every event is there once, and the presses are one alert."""
    site = f"kill-{everything}"
    stack.register(home(site))
    sent, last = publish_until_killed(stack, site, everything=everything)
    unacknowledged = [n for n, info in sent.items() if not acknowledged(info)]
    stack.up()
    devices = {code: stack.device(site, code) for code in ("mag-1", "sos-1")}
    again = [send(devices, n) for n in unacknowledged]
    until("acknowledgement of all", lambda: all(acknowledged(info) for info in again), 30)
    assert settled(lambda: len(stack.all(f"/events?site={site}")), last, seconds=60) == last
    assert values(stack, site) == Counter(range(1, last + 1))
    assert [alert["occurrences"] for alert in stack.alerts(site, "S-01")] == [last // 20]


def publish_until_killed(stack: Stack, site: str, *, everything: bool) -> tuple[dict[int, mqtt.MQTTMessageInfo], int]:
    """What was published, by number, before, during and shortly after the kill."""
    devices = {code: stack.device(site, code) for code in ("mag-1", "sos-1")}
    killer = threading.Thread(target=stack.kill, kwargs={"everything": everything})
    sent: dict[int, mqtt.MQTTMessageInfo] = {}
    while len(sent) < 300:
        sent[len(sent) + 1] = send(devices, len(sent) + 1)
    until("half of them acknowledged", lambda: sum(acknowledged(info) for info in sent.values()) >= 150)
    killer.start()
    while killer.is_alive():
        sent[len(sent) + 1] = send(devices, len(sent) + 1)
        killer.join(0.005)
    for device in devices.values():
        device.close()
    return sent, len(sent)


def acknowledged(info: mqtt.MQTTMessageInfo) -> bool:
    return info.rc == mqtt.MQTT_ERR_SUCCESS and info.is_published()


def send(devices: dict[str, Device], n: int) -> mqtt.MQTTMessageInfo:
    """Every twentieth is a press."""
    code, kind = ("sos-1", "sos.pressed") if n % 20 == 0 else ("mag-1", "test.count")
    return devices[code].publish({"type": kind, "id": f"e{n}", "value": n})
