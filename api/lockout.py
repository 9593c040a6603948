"""Lock a client out for a while after failed sign-ins."""

from collections import OrderedDict
from collections.abc import Callable

FAILURES = 10
WITHIN = 300.0  # seconds; also how long the lock lasts
REMEMBERED = 10_000


class Lockout:
    """Counts failures by client address in this process, for a bounded number of clients.

    `clock` gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, client: str) -> int:
        """Return the seconds until the client may try again, 0 where it may now."""
        recent = self._recent(client)
        if len(recent) < FAILURES:
            return 0
        return int(recent[0] + WITHIN - self._clock()) + 1

    def failed(self, client: str) -> None:
        self._failed[client] = [*self._recent(client), self._clock()][-FAILURES:]
        self._failed.move_to_end(client)
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def succeeded(self, client: str) -> None:
        self._failed.pop(client, None)

    def _recent(self, client: str) -> list[float]:
        now = self._clock()
        return [at for at in self._failed.get(client, []) if now - at < WITHIN]
