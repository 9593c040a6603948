"""What the database does for ingest, in memory: numbers for unknown types, identities, names of refusals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from devices.columns import FLAG_SKEWED
from devices.types import FIRST_UNKNOWN_ID
from ingest.claims import HOLDS
from ingest.clocks import LagWatch
from ingest.decode import Decoded, Decoder
from ingest.identity import Identity
from ingest.numbering import LAST_ID
from ingest.quarantine import UNKNOWN_DEVICE, WRONG_SITE, Refusal

_HOLDS = HOLDS.days * 86_400_000_000


@dataclass(slots=True)
class Memory:
    """Identities for 7 days, and what was counted."""

    decoder: Decoder
    duplicates: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    lag_watch: LagWatch = field(default_factory=LagWatch)
    _known: dict[bytes, int] = field(default_factory=dict)
    _codes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._codes = frozenset(name.partition("/")[2] for name in self.decoder.directory.id_of)

    def select(self, decoded: Decoded) -> NDArray[np.void]:
        """The events that are new, with the clock that is believed of each; positions are still to come."""
        self._number(decoded)
        self._refuse(decoded.refusals)
        events = decoded.events
        lagging = self.lag_watch.observe(events["device"], events["at"], events["received_at"], decoded.live)
        self.lag_watch.adopt(lagging)
        events["flags"][lagging.skewed] |= FLAG_SKEWED
        events["effective_at"][lagging.skewed] = events["received_at"][lagging.skewed]
        fresh = self._claim(decoded.identities, events["received_at"].tolist())
        self.duplicates += len(events) - sum(fresh)
        chosen: NDArray[np.void] = events[np.array(fresh, np.bool_)]
        return chosen

    def _number(self, decoded: Decoded) -> None:
        for name, rows in decoded.unnumbered.items():
            unknown = sum(number >= FIRST_UNKNOWN_ID for number in self.decoder.numbers.values())
            number = self.decoder.numbers.setdefault(name, min(FIRST_UNKNOWN_ID + unknown, LAST_ID))
            decoded.events["type"][rows] = number

    def _refuse(self, refusals: Iterable[Refusal]) -> None:
        for refusal in refusals:
            elsewhere = refusal.reason == UNKNOWN_DEVICE and refusal.stranger in self._codes
            self.quarantined[WRONG_SITE if elsewhere else refusal.reason] += 1

    def _claim(self, identities: Sequence[Identity], received: Sequence[int]) -> list[bool]:
        """Take the identities, each at its moment; False for what an earlier event still holds."""
        known, fresh = self._known, []
        for (key, own), at in zip(identities, received, strict=True):
            held = known.get(key)
            if held is None or held < at - _HOLDS:
                known.pop(key, None)
                known[key] = at
                fresh.append(True)
            else:
                fresh.append(not own)
        if received:
            self._forget(received[-1] - _HOLDS)
        return fresh

    def _forget(self, horizon: int) -> None:
        """The oldest stand first."""
        old = []
        for key, at in self._known.items():
            if at >= horizon:
                break
            old.append(key)
        for key in old:
            del self._known[key]
