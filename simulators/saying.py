"""From an act to the event on the wire."""

from datetime import datetime

from simulators.acts import Act
from simulators.encoder import Said


def said(act: Act, at: datetime, *, boot: str, child: bool) -> Said:
    """What the device says at `at` by its own clock; a gateway names the `child` that it speaks for."""
    return Said(
        type=act.type,
        at=at,
        seq=act.seq,
        boot=boot,
        value=act.value,
        unit=act.unit,
        battery=act.battery,
        device=act.device if child else None,
        data=act.data,
    )


def boot_name(boot: str, life: int) -> str:
    """The `boot` of a device's life; the first one has the run's own."""
    return f"{boot}-{life}" if life else boot
