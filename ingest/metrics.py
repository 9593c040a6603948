"""What ingest counts. `runtime` sets up the process that answers `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("shouwang_messages_total", "Messages taken from the broker", ["channel"])
EVENTS = Counter("shouwang_events_total", "Events committed")
DUPLICATES = Counter("shouwang_duplicates_total", "Events acknowledged but not stored again")
QUARANTINED = Counter("shouwang_quarantined_total", "Messages and items put in quarantine", ["reason"])
COMMITS = Counter("shouwang_ingest_commits_total", "Transactions of ingest committed")
RETRIES = Counter("shouwang_ingest_retries_total", "Transactions of ingest that failed and were tried again")
REFUSED_STRETCHES = Counter(
    "shouwang_ingest_refused_stretches_total", "Transactions of ingest that failed for what was in them", ["reason"]
)
BATCH_SECONDS = Histogram(
    "shouwang_ingest_batch_duration_seconds",
    "From closing a batch to its commit",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30),
)
HELD_BYTES = Gauge("shouwang_ingest_held_bytes", "Bytes of messages not yet committed", multiprocess_mode="livesum")
CONNECTED = Gauge("shouwang_ingest_connected", "Whether every filter is subscribed", multiprocess_mode="livemax")
CAUGHT_UP = Gauge("shouwang_ingest_caught_up", "Whether nothing older waits anywhere", multiprocess_mode="livemax")
WATCHED_UNTIL = Gauge(
    "shouwang_ingest_watched_until_timestamp_seconds",
    "The last moment known to be watched, in Unix time; now minus this is the lag",
    multiprocess_mode="livemax",
)
