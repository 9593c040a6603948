"""What is counted of notices."""

from prometheus_client import Counter

SENT = Counter("shouwang_watch_notices_total", "Notices that a channel has taken")
FAILED = Counter("shouwang_watch_notice_failures_total", "Tries to send a notice that a channel did not take")
DROPPED = Counter("shouwang_watch_notices_dropped_total", "Notices given up, since a channel was away for too long")
