"""Simulated devices over sockets: logins, heartbeats, wills, batches, silence."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from devices.models import Device, Site
from simulators.acts import Act, seconds, told
from simulators.api_client import ApiClient, ApiError
from simulators.demo import demo, run
from simulators.link import Link
from simulators.live import run_live
from simulators.scenario import Scenario
from simulators.world import World
from tests.api_stub import ApiStub, api_stub
from tests.broker_stub import BrokerStub, Published, broker_stub

pytestmark = pytest.mark.timeout(60)

WORLD = World(
    sites=(Site(code="h", kind="home"),),
    devices=(
        Device(site="h", code="gw", kind="gateway", heartbeat="1s"),
        Device(site="h", code="pir", kind="motion", gateway="gw"),
        Device(site="h", code="cam", kind="camera", heartbeat="1s"),
    ),
)
NEVER = told(Act(after=seconds(3600), site="h", device="pir", type="motion.detected"))


@pytest.fixture
async def stub() -> AsyncIterator[BrokerStub]:
    async with broker_stub() as running:
        yield running


@pytest.fixture
def api() -> Iterator[ApiStub]:
    with api_stub() as running:
        yield running


def a_scenario(*acts: Act) -> Scenario:
    overrides = {"H-04": [{"scope": "site:h", "set": {"after": "20s"}}]}
    return Scenario(name="s", world=WORLD, timelines=(told(*acts), NEVER), overrides=overrides)


@asynccontextmanager
async def running(scenario: Scenario, api: ApiStub, stub: BrokerStub) -> AsyncIterator[asyncio.Task[None]]:
    """The scenario, stopped in order at the end."""
    stop = asyncio.Event()
    broker = Link(host="127.0.0.1", port=stub.port)
    task = asyncio.create_task(run_live(scenario, api=ApiClient(api.url, "t"), broker=broker, seed=1, stop=stop))
    try:
        yield task
    finally:
        stop.set()
        await task


def on(stub: BrokerStub, channel: str, device: str) -> list[Published]:
    """What was published on one topic."""
    return [m for m in stub.published if m.topic == f"shouwang/v1/h/{device}/{channel}"]


async def test_a_device_logs_in_as_itself(api: ApiStub, stub: BrokerStub) -> None:
    """Its client id is its user name, its last will is `offline`, retained; it says `online` and beats."""
    async with running(a_scenario(), api, stub):
        await stub.until(lambda: len(on(stub, "heartbeat", "cam")) >= 2 and len(on(stub, "heartbeat", "gw")) >= 2)
        assert set(stub.clients) == {"h:cam", "h:gw"}
    will = stub.wills["h:cam"]
    assert (will.topic, will.payload, will.qos, will.retain) == ("shouwang/v1/h/cam/status", b"offline", 1, True)
    assert [(m.payload, m.qos, m.retain) for m in on(stub, "status", "cam")] == [(b"online", 1, True)]
    assert {(m.qos, m.retain) for m in on(stub, "heartbeat", "cam")} == {(0, False)}
    await stub.until(lambda: not stub.clients)


async def test_a_gateway_speaks_for_its_child(api: ApiStub, stub: BrokerStub) -> None:
    """What a device behind a gateway says comes in the gateway's batch, under the child's own count."""
    acts = [Act(after=seconds(0.1 * k), site="h", device="pir", type="motion.detected") for k in (1, 2)]
    async with running(a_scenario(*acts), api, stub):
        await stub.until(lambda: len(on(stub, "batch", "gw")) == 2)
    items = [json.loads(m.payload)[0] for m in on(stub, "batch", "gw")]
    assert [(item["device"], item["type"], item["seq"]) for item in items] == [
        ("pir", "motion.detected", 1),
        ("pir", "motion.detected", 2),
    ]
    assert items[0]["boot"] == items[1]["boot"]


async def test_another_run_is_another_life(api: ApiStub, stub: BrokerStub) -> None:
    """The same seed run twice is not taken for a repetition: `boot` differs."""
    act = Act(after=seconds(0), site="h", device="cam", type="camera.online")
    async with running(a_scenario(act), api, stub):
        await stub.until(lambda: len(on(stub, "event", "cam")) == 1)
    async with running(a_scenario(act), api, stub):
        await stub.until(lambda: len(on(stub, "event", "cam")) == 2)
    assert len({json.loads(m.payload)["boot"] for m in on(stub, "event", "cam")}) == 2


async def test_a_device_that_falls_silent(api: ApiStub, stub: BrokerStub) -> None:
    """It is gone with the status that its will would leave, says nothing meanwhile, and beats again when back."""
    acts = (
        Act(after=seconds(0.2), site="h", device="cam", does="fall_silent"),
        Act(after=seconds(0.3), site="h", device="cam", type="camera.online"),
        Act(after=seconds(0.6), site="h", device="cam", does="come_back"),
    )
    async with running(a_scenario(*acts), api, stub):
        await stub.until(lambda: [m.payload for m in on(stub, "status", "cam")] == [b"online", b"offline", b"online"])
        beats = len(on(stub, "heartbeat", "cam"))
        await stub.until(lambda: len(on(stub, "heartbeat", "cam")) > beats)
    assert on(stub, "event", "cam") == []


async def test_an_event_outlives_its_connection(api: ApiStub, stub: BrokerStub) -> None:
    """A press that a dying connection swallowed is sent again by the same device, in the same life."""
    act = Act(after=seconds(0.3), site="h", device="cam", type="camera.online")
    async with running(a_scenario(act), api, stub):
        await stub.until(lambda: len(on(stub, "status", "cam")) == 1 and len(on(stub, "status", "gw")) == 1)
        stub.hang_up = lambda _: not on(stub, "event", "cam") and stub.connections < 6
        await stub.until(lambda: len(on(stub, "event", "cam")) >= 1)
    assert json.loads(on(stub, "event", "cam")[0].payload)["seq"] == 1


async def test_everything_goes_through_the_public_api(api: ApiStub, stub: BrokerStub) -> None:
    """The registry is imported, overrides of other scopes stay, and the token is a bearer token."""
    other = {"scope": "*", "set": {"after": "7min"}, "enabled": True, "id": 0}
    api.rules = [{"code": "H-04", "overrides": [other]}, {"code": "S-01", "overrides": []}]
    async with running(a_scenario(), api, stub):
        await stub.until(lambda: len(stub.clients) == 2)
    assert api.registries == [WORLD.registry()]
    assert api.overrides == {
        "H-04": [
            {"scope": "*", "set": {"after": "7min"}, "enabled": True},
            {"scope": "site:h", "set": {"after": "20s"}},
        ]
    }
    assert api.tokens == {"Bearer t"}


async def test_thresholds_that_hold_already_are_left(api: ApiStub, stub: BrokerStub) -> None:
    """A second run makes no new version of a rule."""
    api.rules = [{"code": "H-04", "overrides": [{"scope": "site:h", "set": {"after": "20s"}, "id": 5}]}]
    async with running(a_scenario(), api, stub):
        await stub.until(lambda: len(stub.clients) == 2)
    assert api.overrides == {}


async def test_a_server_that_is_not_ready_is_waited_for(
    api: ApiStub, stub: BrokerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 is no refusal."""
    monkeypatch.setattr("simulators.live.AGAIN_AFTER", 0.01)
    api.fail = [503, 503]
    async with running(a_scenario(), api, stub):
        await stub.until(lambda: len(stub.clients) == 2)


async def test_a_fleet_comes_in_a_few_at_a_time(
    api: ApiStub, stub: BrokerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who connects holds the gate until he is in; the others wait for it."""
    entering, most = 0, 0
    enter = aiomqtt.Client.__aenter__

    async def counted(client: aiomqtt.Client) -> aiomqtt.Client:
        nonlocal entering, most
        entering += 1
        most = max(most, entering)
        try:
            return await enter(client)
        finally:
            entering -= 1

    monkeypatch.setattr(aiomqtt.Client, "__aenter__", counted)
    monkeypatch.setattr("simulators.fleet.CONNECTING_AT_ONCE", 1)
    async with running(a_scenario(), api, stub):
        await stub.until(lambda: set(stub.clients) == {"h:cam", "h:gw"})
    assert most == 1


async def test_a_refusal_is_told(api: ApiStub, stub: BrokerStub) -> None:
    """401 ends the run with what the API said."""
    api.fail = [401]
    broker = Link(host="127.0.0.1", port=stub.port)
    with pytest.raises(ApiError, match=r"401.*not now"):
        await run_live(a_scenario(), api=ApiClient(api.url, "t"), broker=broker, seed=1)


async def test_the_demo_tells_its_story(api: ApiStub, stub: BrokerStub) -> None:
    """The press, the door and the silence come within seconds; stopping leaves no connection."""
    api.rules = [{"code": code, "overrides": []} for code in ("S-01", "D-03", "H-04")]
    stop = asyncio.Event()
    task = asyncio.create_task(
        run(api_url=api.url, token="t", mqtt_host="127.0.0.1", mqtt_port=stub.port, seed=1, stop=stop)
    )
    try:
        topic = "shouwang/v1/demo-home-1/sos-1/event"
        await stub.until(lambda: sum(m.topic == topic for m in stub.published) == 2, seconds=30)
        assert "demo-care-1:cam-garden" not in stub.clients
        assert "demo-care-1:cam-main" in stub.clients
    finally:
        stop.set()
        await task
    assert set(api.overrides) == {"D-03", "H-04"}
    assert api.registries == [demo().world.registry()]
    await stub.until(lambda: not stub.clients)
