"""What the lookout counts."""

from prometheus_client import Counter, Gauge

HEARD = Counter("shouwang_watch_emergencies_total", "Emergencies that the watch heard on its own session")
TOLD = Counter("shouwang_watch_told_total", "Emergencies told before they were found in the database")
OVERFLOW = Counter("shouwang_watch_overflow_total", "Emergencies that were heard and not tracked one by one: too many")
UNRECORDED = Gauge(
    "shouwang_watch_unrecorded", "Emergencies told and not yet found in the database", multiprocess_mode="livemax"
)
CONNECTED = Gauge("shouwang_watch_connected", "Whether the watch hears the broker", multiprocess_mode="livemax")
