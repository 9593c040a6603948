"""SIGKILL of ingest, of everything, and long absences: what was acknowledged is there, once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import psutil
import pytest

from tests.stack import Device, Stack, home, running_stack, settled, until

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
    """Ingest is killed holding an unacknowledged press; its alert is there within 5 s of the restart."""
    stack.register(home("taken"))
    button = stack.device("taken", "sos-1")
    stack.pause()
    ingest = stack.pid_of("ingest")
    os.kill(ingest, signal.SIGSTOP)
    button.say({"type": "sos.pressed", "id": "p1"})
    os.kill(ingest, signal.SIGKILL)
    stack.resume()
    new = until("ingest is started again", lambda: (pid := stack.pid_of("ingest")) not in (0, ingest) and pid, 20)
    started = psutil.Process(new).create_time()
    alert = until("S-01", lambda: stack.alerts("taken", "S-01"), 20)[0]
    assert time.time() - started < 5
    assert alert["occurrences"] == 1


def test_everything_is_killed_while_devices_publish(stack: Stack) -> None:
    """All and `up` alone, by turns: with what is sent again everything is there once, and presses are one alert."""
    stack.register(home("kill"))
    waiting: list[int] = []
    last = 0
    for turn in range(4):
        devices = {code: stack.device("kill", code) for code in ("mag-1", "sos-1")}
        sent = {n: send(devices, n) for n in waiting}
        for n in range(last + 1, last + 301):
            sent[n] = send(devices, n)
            if n == last + 200:
                stack.kill(everything=turn % 2 == 0)
        last += 300
        for device in devices.values():
            device.close()
        waiting = [n for n, info in sent.items() if not (info.rc == 0 and info.is_published())]
        stack.up()
    devices = {code: stack.device("kill", code) for code in ("mag-1", "sos-1")}
    again = [send(devices, n) for n in waiting]
    until("acknowledgement of all", lambda: all(info.is_published() for info in again), 30)
    assert settled(lambda: len(stack.all("/events?site=kill")), last, seconds=90) == last
    assert values(stack, "kill") == Counter(range(1, last + 1))
    assert [alert["occurrences"] for alert in stack.alerts("kill", "S-01")] == [last // 20]


def send(devices: dict[str, Device], n: int) -> mqtt.MQTTMessageInfo:
    """Every twentieth is a press."""
    code, kind = ("sos-1", "sos.pressed") if n % 20 == 0 else ("mag-1", "test.count")
    return devices[code].publish({"type": kind, "id": f"e{n}", "value": n})
