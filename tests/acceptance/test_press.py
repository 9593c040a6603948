"""A press with a device's own credentials, and what a device may not do."""

import time
from statistics import median

import pytest

from tests.stack import Device, Stack, crowding, home, homes
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


def mark(stack: Stack, device: Device, name: str = "mark") -> None:
    """An event of unknown type, stored and nothing else: once it is there, so is all that its device sent before."""
    device.publish({"type": "test.mark", "id": name})
    until("the mark is stored", lambda: [e for e in stored(stack, device) if e["device_event_id"] == name])


def stored(stack: Stack, device: Device) -> list[dict[str, object]]:
    return stack.all(f"/events?site={device.site}&device={device.code}")


def test_a_press_is_an_alert_within_a_second(stack: Stack) -> None:
    """From the press to the list of the API, through broker, ingest and database: the median of three tells."""
    sites = ("press1", "press2", "press3")
    stack.register(homes(*sites))
    assert median(seconds_to_alert(stack, site) / crowding() for site in sites) < 1
    alert = stack.alerts(sites[0], "S-01")[0]
    assert (alert["severity"], alert["condition"], alert["handling"], alert["occurrences"]) == (
        "P1",
        "active",
        "new",
        1,
    )
    assert alert["subject"] == {"kind": "resident", "code": "press1-r"}
    assert alert["advice"]["zh"]
    assert alert["advice"]["en"]


def seconds_to_alert(stack: Stack, site: str) -> float:
    """How long a press in this home takes to be in the list of alerts."""
    button = stack.device(site, "sos-1")
    began = time.monotonic()
    button.publish({"type": "sos.pressed", "id": "p1"})
    until("S-01", lambda: stack.alerts(site, "S-01"), 10)
    return time.monotonic() - began


def test_a_second_press_is_an_occurrence(stack: Stack) -> None:
    """Two presses, the second sent twice with one id: one alert with two occurrences, three events with the mark."""
    stack.register(home("twice"))
    button = stack.device("twice", "sos-1")
    for name in ("p1", "p2", "p2"):
        button.publish({"type": "sos.pressed", "id": name})
    mark(stack, button)
    assert [alert["occurrences"] for alert in stack.alerts("twice", "S-01")] == [2]
    assert len(stored(stack, button)) == 3


def test_another_devices_topic_is_refused(stack: Stack) -> None:
    """What a device publishes under another's topic, site or as a gateway is never delivered, but counted."""
    stack.register(homes("mine", "other"))
    button, sensor = stack.device("mine", "sos-1"), stack.device("mine", "mag-1")
    before = stack.metric("shouwang_refused_total")
    button.say({"type": "door.opened", "id": "x"}, device="mag-1")
    button.say({"type": "sos.pressed", "id": "x"}, topic="shouwang/v1/other/sos-1/event")
    button.say([{"type": "door.opened", "device": "mag-1"}], device="gw-1", channel="batch")
    mark(stack, button)
    mark(stack, sensor)
    until("refusals are counted", lambda: stack.metric("shouwang_refused_total") >= before + 3, 10)
    assert len(stored(stack, sensor)) == 1
    assert stack.all("/events?site=other") == []
    assert stack.quarantined("mine") + stack.quarantined("other") == []
    until("the refusal is logged", lambda: "mine:sos-1" in stack.log.read_text(), 5)


GUESSES = {"g1": "ingest", "g2": "shouwang-ingest", "g3": "g3:mag-1", "g4": "x.y z"}


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("site", list(GUESSES))
def test_a_guessed_client_id_loses_nobody_a_message(stack: Stack, *, site: str, clean: bool) -> None:
    """A device that connects as ingest or as its neighbour, with either clean flag, ends and reads no session."""
    stack.register(home(site))
    sensor = stack.device(site, "mag-1")
    heard: list[str] = []
    name = f"{site}-{clean}"
    with stack.intruder(site, "sos-1", client_id=GUESSES[site], clean=clean) as intruder:
        intruder.on_message = lambda _client, _data, message: heard.append(message.topic)
        intruder.subscribe("shouwang/v1/#", 1)
        for k in range(20):
            sensor.publish({"type": "test.count", "id": f"{name}-{k}"})
        mark(stack, sensor, name)
    assert sum(str(event["device_event_id"]).startswith(f"{name}-") for event in stored(stack, sensor)) == 20
    assert heard == []
