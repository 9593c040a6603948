"""What cannot be written whatever is done again: found by halving, so that the others go on."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from ingest import metrics
from ingest.delivery import Delivery
from ingest.quarantine import REFUSED_BY_ENGINE
from store.errors import StoreError
from store.head import Fenced

log = logging.getLogger(__name__)


class Refused(Exception):
    """A stretch fails for what is in it and was rolled back; `reason` is the quarantine's."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@contextmanager
def named() -> Iterator[None]:
    """Tell a fault in what is written from the database's absence: raises `Refused` for the former."""
    try:
        yield
    except (StoreError, Fenced, Refused):
        raise
    except Exception as error:
        # A bug of engine or decoder may be any: a watch that ends is worse than a message in quarantine.
        raise Refused(REFUSED_BY_ENGINE, type(error).__name__) from error


def tell(error: Refused, message: str, **extra: object) -> None:
    """Log where it failed, loudly. What an error says may quote a message, hence its place alone."""
    metrics.REFUSED_STRETCHES.labels(error.reason).inc()
    cause = error.__cause__ or error
    places = [f"{place.filename}:{place.lineno} {place.name}" for place in traceback.extract_tb(cause.__traceback__)]
    log.error(message, extra={"reason": error.reason, "error": error.detail, "traceback": places, **extra})


async def sift(
    deliveries: Sequence[Delivery],
    *,
    write: Callable[[Sequence[Delivery]], Awaitable[None]],
    set_aside: Callable[[Delivery, Refused], Awaitable[None]],
) -> int:
    """Write messages in their order, halves of them where they are refused; return how many were set aside."""
    try:
        await write(deliveries)
    except Refused as error:
        if len(deliveries) == 1:
            await set_aside(deliveries[0], error)
            return 1
        middle = len(deliveries) // 2
        before = await sift(deliveries[:middle], write=write, set_aside=set_aside)
        return before + await sift(deliveries[middle:], write=write, set_aside=set_aside)
    return 0
