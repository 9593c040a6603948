"""Not every press is a notice: a device that goes on pressing is told once a minute."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from alerts.notices.wording import Call, Notice, heard

AGAIN_AFTER = timedelta(minutes=1)
REMEMBERED = 10_000


class Pacing:
    """Free of I/O; the clock is an argument."""

    def __init__(self, *, again_after: timedelta = AGAIN_AFTER) -> None:
        self._again_after = again_after
        self._told_at: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()

    def of(self, calls: Sequence[Call], now: datetime) -> Notice | None:
        """Return the notice of these calls, but for devices that were told a moment ago; None if none is left."""
        news = [call for call in calls if self._is_news(call, now)]
        return heard(news) if news else None

    def _is_news(self, call: Call, now: datetime) -> bool:
        name = (call.site, call.device, call.type)
        before = self._told_at.get(name)
        if before is not None and now - before < self._again_after:
            return False
        self._told_at[name] = now
        self._told_at.move_to_end(name)
        while len(self._told_at) > REMEMBERED:
            self._told_at.popitem(last=False)
        return True
