"""Which emergencies are not known to be in the database. Free of I/O; the clock is an argument (microseconds)."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ingest.lookout.presses import Press

SECOND = 1_000_000
# Without identity the same bytes again within this are one press that came twice.
ECHO = 2 * SECOND
# A device that presses for ever is one strip on the desk: more of it is counted, not tracked.
MOST_OF_SENDER = 50
MOST = 5_000
REMEMBERED = 10_000
EXPIRES = 24 * 3600 * SECOND
GONE_FOR = 600 * SECOND
MOST_GONE = 1_000


class Outcome(StrEnum):
    """What became of an emergency that was told."""

    RECORDED = "recorded"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """It is settled: the alert log held all it caused when it had reached `log_id`."""

    key: str
    outcome: Outcome
    log_id: int
    at: int


class Kept(msgspec.Struct, kw_only=True):
    """What outlives the process: what is open, what was settled a moment ago, and which rows are spoken for."""

    waiting: list[Press] = []
    told: list[Press] = []
    gone: list[Gone] = []
    rows: list[int] = []


class Outstanding:
    """Presses on their way: `waiting` may still be found in time, `told` were not."""

    def __init__(self, *, patience: int) -> None:
        self._patience = patience
        self._waiting: OrderedDict[str, Press] = OrderedDict()
        self._told: OrderedDict[str, Press] = OrderedDict()
        self._gone: OrderedDict[str, Gone] = OrderedDict()
        self._seen: OrderedDict[object, int] = OrderedDict()
        self._senders: Counter[str] = Counter()
        # Rows of events that some press without identity was found in: one row is one press.
        self.rows: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._told)

    @property
    def waiting(self) -> list[Press]:
        return list(self._waiting.values())

    @property
    def told(self) -> list[Press]:
        return list(self._told.values())

    @property
    def gone(self) -> list[Gone]:
        return list(self._gone.values())

    def add(self, press: Press) -> bool:
        """Take up a press; False for one that is known, or beyond what is tracked."""
        if self._is_known(press):
            return False
        if len(self) >= MOST or self._senders[press.source] >= MOST_OF_SENDER:
            return False
        self._waiting[press.key] = press
        self._senders[press.source] += 1
        return True

    def is_crowded(self, press: Press) -> bool:
        """Whether no more of its sender, or of all, are tracked one by one."""
        return len(self) >= MOST or self._senders[press.source] >= MOST_OF_SENDER

    def _is_known(self, press: Press) -> bool:
        alike: object = press.key if press.parts is not None else (press.name, press.type, press.kept)
        before = self._seen.get(alike)
        if before is not None and (press.parts is not None or press.received_at - before <= ECHO):
            return True
        self._seen[alike] = press.received_at
        self._seen.move_to_end(alike)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def due(self, now: int) -> list[Press]:
        """Move what has waited long enough to what is told, and return it."""
        late = [press for press in self._waiting.values() if now - press.received_at >= self._patience]
        for press in late:
            self._told[press.key] = self._waiting.pop(press.key)
        return late

    def settle(self, key: str, outcome: Outcome, *, log_id: int, now: int) -> bool:
        """Take note of what became of a press; whether it had been told."""
        press = self._waiting.pop(key, None) or self._told.get(key)
        if press is None:
            return False
        self._senders[press.source] -= 1
        if self._told.pop(key, None) is None:
            return False
        self._gone[key] = Gone(key=key, outcome=outcome, log_id=log_id, at=now)
        return True

    def forget_old(self, now: int) -> None:
        """Give up what nobody will find any more, and what every desk has heard the end of."""
        for press in [p for p in self.told if now - p.received_at > EXPIRES]:
            self.settle(press.key, Outcome.EXPIRED, log_id=0, now=now)
        while self._gone and (len(self._gone) > MOST_GONE or now - next(iter(self._gone.values())).at > GONE_FOR):
            self._gone.popitem(last=False)
        while len(self.rows) > REMEMBERED:
            self.rows.popitem(last=False)

    def keep(self) -> Kept:
        return Kept(waiting=self.waiting, told=self.told, gone=self.gone, rows=list(self.rows)[-MOST_GONE:])

    def restore(self, kept: Kept) -> None:
        """Take up what an earlier process left."""
        for presses, place in ((kept.waiting, self._waiting), (kept.told, self._told)):
            self._restore(presses, place)
        self._gone.update((gone.key, gone) for gone in kept.gone)
        self.rows.update(dict.fromkeys(kept.rows))

    def _restore(self, presses: Iterable[Press], place: OrderedDict[str, Press]) -> None:
        for press in presses:
            self._is_known(press)
            place[press.key] = press
            self._senders[press.source] += 1
