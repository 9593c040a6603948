"""Each fault that a scenario can plant, in homes where nothing else happens: it disturbs, and alarms nobody."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import get_args

import pytest

from simulators.planted import Fault
from simulators.scenario_file import read
from simulators.shape import shaped
from store.pool import Pool
from tests.recorded import watched

pytestmark = pytest.mark.timeout(200)

KINDS = frozenset(str(fault.__struct_config__.tag) for fault in get_args(Fault))

HEAD = """
about = "A day, each home with a fault of its own from the morning to the evening; and two homes with an incident."
begins = 2026-11-23T06:00:00+08:00
lasts = "20h"
[[routine]]
kind = "living"
sites = ["hub-*", "own-*"]
[[homes]]
code = "incident-{n}"
count = 2
devices = ["door_sensor", "sos_button"]
[[incident]]
kind = "press"
devices = ["incident-1/sos-1"]
at = "5h"
[[incident]]
kind = "left_open"
devices = ["incident-2/mag-1"]
at = "18h"
lasts = "1h"
"""
# One home behind a gateway, one where each device has a session and a clock of its own.
HOMES = """
[[homes]]
code = "hub-{name}-{{n}}"
devices = ["gateway", "door_sensor", "motion", "bathroom_motion", "bed_sensor", "sos_button", "smoke", "leak", "vital"]
[[homes]]
code = "own-{name}-{{n}}"
devices = ["door_sensor", "motion", "bed_sensor", "sos_button", "vital"]
"""
FAULT = """
[[fault]]
kind = "{kind}"
devices = {devices}
{keys}
"""
WAY = ("hub-{name}-1/gw-1", "own-{name}-1/*")  # a gateway's fault is its children's too
SENSORS = ("*-{name}-1/mag-1", "*-{name}-1/pir-1", "*-{name}-1/mat-1", "*-{name}-1/vit-1")
HUB, DOOR, MOTION, BED = (
    (pattern,) for pattern in ("hub-{name}-1/gw-1", "*-{name}-1/mag-1", "*-{name}-1/pir-1", "*-{name}-1/mat-1")
)
DAY, SHORT, BEGIN = 'at = "2h"\nlasts = "12h"\n', 'at = "3h"\nlasts = "2min"\n', 'at = "3h"\n'
# Each kind, slight and severe: which devices, and the keys.
VARIANTS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "drop": ((WAY, DAY + "chance = 0.1"), (WAY, DAY + "chance = 1.0")),
    "duplicate": ((WAY, DAY + 'by = "2s"'), (WAY, DAY + 'by = "1h"')),
    "reorder": ((WAY, DAY + 'by = "5s"'), (WAY, DAY + 'by = "10min"')),
    "delay": ((WAY, DAY + 'by = ["1s", "20s"]'), (WAY, DAY + 'by = ["1min", "2h"]')),
    "clock_skew": ((WAY, DAY + 'ahead = "2h"'), (WAY, DAY + 'behind = "30min"'), (WAY, DAY + 'behind = "9d"')),
    "offline": ((WAY, SHORT), (WAY, DAY), (WAY, DAY + "keeps = true")),
    "restart": ((WAY, SHORT), (WAY, DAY)),
    "hub_restart": ((HUB, SHORT), (HUB, DAY)),
    "burst": (
        (DOOR, BEGIN + 'type = "door.closed"\ntimes = 300'),
        (MOTION, BEGIN + 'type = "motion.detected"\ntimes = 300'),
        (BED, BEGIN + 'type = "bed.left"\ntimes = 300'),
    ),
    "chatter": ((DOOR, BEGIN + 'type = "door.opened"\ntimes = 200'), (BED, BEGIN + 'type = "bed.left"\ntimes = 200')),
    "stuck": ((SENSORS, SHORT), (SENSORS, DAY)),
    "weak_battery": ((SENSORS, DAY + "chance = 0.1"), (SENSORS, DAY + "chance = 0.9")),
}


def tables() -> Iterator[str]:
    """Two homes and a fault for each variant."""
    yield HEAD
    for kind, variants in VARIANTS.items():
        for number, (devices, keys) in enumerate(variants):
            name = f"{kind}-{number}"
            yield HOMES.format(name=name)
            yield FAULT.format(kind=kind, devices=[device.format(name=name) for device in devices], keys=keys)


def test_no_fault_is_forgotten() -> None:
    """What a scenario file can plant is tried here, and nothing else."""
    assert set(VARIANTS) == KINDS


async def test_no_fault_is_above_p3(pool: Pool) -> None:
    """A day with each fault, slight and severe: beside the two incidents nothing is P1 or P2, nothing unreadable."""
    scenario = shaped(read("".join(tables()).encode(), file="faults"), mode="record", seed=1)
    assert {one.kind for one in scenario.planted if one.what == "fault"} == KINDS
    async with pool.connection() as conn:
        came = await watched(conn, scenario, step=timedelta(minutes=2))
    high = {(alert["site"], alert["rule"], alert["severity"]) for alert in came.alerts if alert["severity"] < "P3"}
    incidents = {("incident-1", "S-01", "P1"), ("incident-2", "D-01", "P2"), ("incident-2", "D-03", "P2")}
    # Of ten words of the only sensor outside the bathroom nine are lost: whoever has left it seems to be there.
    weak = {("hub-weak_battery-1-1", "B-02", "P2")}
    assert incidents <= high <= incidents | weak
    assert came.quarantined == 0
