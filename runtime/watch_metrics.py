"""What the watch shows of the parts that it watches."""

from collections.abc import Sequence

from prometheus_client import Gauge

from runtime.stalls import FOLLOWS, Part

STALLED = Gauge(
    "shouwang_watch_stalled", "Whether the watch holds a part stalled", ["part"], multiprocess_mode="livemax"
)


def show(stalled: Sequence[Part]) -> None:
    """Take over which parts are stalled."""
    for part in FOLLOWS:
        STALLED.labels(part).set(part in stalled)
