"""Ten thousand devices that say that they are there, over one connection; who is `dead` says nothing any more."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.stream import publisher

_SITE = """
[[site]]
code = "{site}"
kind = "home"
"""
_DEVICE = """
[[device]]
site = "{site}"
code = "{code}"
kind = "motion"
power = "mains"
heartbeat = "{seconds}s"
"""
ROUNDS = 20  # portions of an interval


def beating_homes(sites: int, each: int, seconds: int) -> tuple[str, list[tuple[str, str]]]:
    """A registry of homes with so many devices each, and the devices."""
    names = [(f"quiet{n}", f"m{k}") for n in range(sites) for k in range(each)]
    toml = [_SITE.format(site=f"quiet{n}") for n in range(sites)]
    toml += [_DEVICE.format(site=site, code=code, seconds=seconds) for site, code in names]
    return "".join(toml), names


class Beats:
    """A heartbeat of every device at QoS 0 in each `seconds`."""

    def __init__(self, data: Path, devices: Sequence[tuple[str, str]], seconds: float) -> None:
        self.dead: set[tuple[str, str]] = set()
        self.rounds = 0
        self._topics = [(device, f"shouwang/v1/{device[0]}/{device[1]}/heartbeat") for device in devices]
        self._pause = seconds / ROUNDS
        self._session = publisher(data, "beats")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    @contextmanager
    def beating(self) -> Iterator["Beats"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()
            self._session.close()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            for device, topic in self._topics[self.rounds % ROUNDS :: ROUNDS]:
                # What is said without a connection is lost, as with any device.
                if device not in self.dead and self._session.client.is_connected():
                    self._session.client.publish(topic, b"", qos=0)
            self.rounds += 1
