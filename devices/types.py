"""The event types of the MQTT contract, version 1, and their numbers in columns and database."""

from collections.abc import Mapping
from types import MappingProxyType

# A number is written into every stored event: add at the end, never renumber, never reuse.
EVENT_TYPES: Mapping[str, int] = MappingProxyType(
    {
        "door.opened": 1,
        "door.closed": 2,
        "sos.pressed": 3,
        "sos.cancelled": 4,
        "fall.detected": 5,
        "fall.cancelled": 6,
        "motion.detected": 7,
        "bed.entered": 8,
        "bed.left": 9,
        "smoke.detected": 10,
        "smoke.cleared": 11,
        "gas.detected": 12,
        "gas.cleared": 13,
        "leak.detected": 14,
        "leak.cleared": 15,
        "tamper.detected": 16,
        "tamper.cleared": 17,
        "battery.low": 18,
        "battery.ok": 19,
        "guard.passed": 20,
        "guard.denied": 21,
        "vital.measured": 22,
        "water.metered": 23,
        "camera.online": 24,
        "camera.offline": 25,
        "camera.disabled": 26,
    }
)

# Types outside the contract are stored too; the database numbers them from here on.
FIRST_UNKNOWN_ID = 1000

_EMERGENCY_FAMILIES = ("sos.", "fall.", "smoke.", "gas.")

EMERGENCY_TYPES: frozenset[str] = frozenset(name for name in EVENT_TYPES if name.startswith(_EMERGENCY_FAMILIES))
EMERGENCY_IDS: frozenset[int] = frozenset(EVENT_TYPES[name] for name in EMERGENCY_TYPES)
