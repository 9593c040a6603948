"""Who spends the processor's time: what bounds a rate on a machine that does nothing else."""

import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

from runtime.layout import DataDir
from runtime.orphans import remembered

PUBLISHER = "publisher"


def spent(data: DataDir) -> dict[str, float]:
    """Seconds of CPU time that each part has taken so far, with its children; the publisher's are our own."""
    found = {name: _seconds(process) for name, process in remembered(data).items()}
    return found | {PUBLISHER: time.process_time()}


def _seconds(process: psutil.Process) -> float:
    total = 0.0
    with suppress(psutil.Error):
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system
    return total


def told(before: Mapping[str, float], after: Mapping[str, float], messages: int) -> str:
    """Microseconds a message, the greediest part first."""
    each = {name: (seconds - before.get(name, 0.0)) * 1e6 / messages for name, seconds in after.items()}
    greedy = sorted(each.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {micros:.0f}" for name, micros in greedy)
