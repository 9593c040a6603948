"""The demo: a home and an institution whose first minute shows what the desk is for, and which then live on."""

import asyncio

from simulators.acts import Act, seconds, told
from simulators.api_client import ApiClient
from simulators.homes import home, institution
from simulators.link import Link
from simulators.live import run_live
from simulators.routines import calling, coming_and_going, falling_silent, left_open, moving, resting
from simulators.scenario import Scenario

HOME, CARE = "demo-home-1", "demo-care-1"
SITES = (f"site:{HOME}", f"site:{CARE}")

# Watching should take a minute, not ten: these hold for the demo's own sites alone.
OVERRIDES = {
    "D-03": [{"scope": scope, "set": {"after": "20s", "night.after": "15s"}, "enabled": True} for scope in SITES],
    "H-04": [{"scope": scope, "set": {"after": "20s"}, "enabled": True} for scope in SITES],
}

# A press, a door that stays open, a camera that goes dark, a second press; then door and camera are well again.
STORY = told(
    Act(after=seconds(1), site=HOME, device="sos-1", type="sos.pressed"),
    Act(after=seconds(3), site=CARE, device="mag-garden", type="door.opened"),
    Act(after=seconds(5), site=CARE, device="cam-garden", does="fall_silent"),
    Act(after=seconds(8), site=HOME, device="sos-1", type="sos.pressed"),
    Act(after=seconds(50), site=CARE, device="mag-garden", type="door.closed"),
    Act(after=seconds(60), site=CARE, device="cam-garden", does="come_back"),
)

DAY_TO_DAY = (
    moving(HOME),
    resting(HOME),
    coming_and_going(HOME, "mag-1", apart=(70, 160)),
    coming_and_going(CARE, "mag-main", apart=(18, 45), guard="guard-1"),
    left_open(CARE, "mag-garden", start=40, apart=(100, 200), lasts=70),
    left_open(CARE, "mag-fire", start=120, apart=(250, 500), lasts=60),
    falling_silent(CARE, "cam-main", start=30, apart=(100, 220), lasts=75),
    calling(HOME, "sos-1", start=150, apart=(250, 600)),
    calling(CARE, "sos-1", start=0, apart=(90, 400)),
    calling(CARE, "sos-2", start=60, apart=(200, 700)),
)


def demo() -> Scenario:
    return Scenario(
        name="demo",
        world=home(HOME, 17) + institution(CARE, 1),
        timelines=(STORY, *DAY_TO_DAY),
        overrides=OVERRIDES,
    )


async def run(
    *, api_url: str, token: str, mqtt_host: str, mqtt_port: int, seed: int = 1, stop: asyncio.Event | None = None
) -> None:
    """Play the demo until `stop` is set or the task is cancelled; `api_url` is without `/api/v1`."""
    broker = Link(host=mqtt_host, port=mqtt_port)
    await run_live(demo(), api=ApiClient(api_url, token), broker=broker, seed=seed, stop=stop)
