"""What one transaction of ingest takes into the log."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingest.decode import Decoded, Decoder
from ingest.delivery import Delivery
from ingest.liveness import Change
from ingest.quarantine import REFUSED_BY_DATABASE, Refusal, refuse
from ingest.standing import Stall
from store.head import InputEntry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Stretch:
    """`now` is when the batch was closed, `upto` until when all that was sent has been read (microseconds).

    `upto` is None where that is not known: the clock of the rules stands still. `live`: this is no backlog.
    `scan`: look for devices that fell silent. `mixed`: events go by their own times, not by when they came.
    `refused_rows`: events that the database does not take.
    """

    deliveries: Sequence[Delivery]
    decoded: Decoded
    now: int
    upto: int | None
    live: bool
    scan: bool = False
    mixed: bool = False
    stall: Stall | None = None
    refused_rows: set[int] = field(default_factory=set)

    def decode_again(self, decoder: Decoder) -> None:
        """Decode with what the registry says now."""
        self.decoded = decoder.decode(self.deliveries, live=self.live)
        self.refused_rows = set()

    def entries(self, changes: Sequence[Change]) -> list[InputEntry]:
        """Return the control entries that ingest itself makes; they come before the events."""
        at = moment(self.now)
        entries = [InputEntry(kind="device", at=at, body=change._asdict()) for change in changes]
        if self.stall is not None:
            body = {"from": self.stall.begin, "to": self.stall.end}
            entries.insert(0, InputEntry(kind="stall", at=at, body=body))
        return entries

    def refused(self) -> list[Refusal]:
        """Return the refusals of what the database does not take."""
        return [
            refuse(origin, "/".join(origin.topic.split("/")[2:4]), REFUSED_BY_DATABASE, "not taken by the database")
            for origin in (self.decoded.origins[row] for row in sorted(self.refused_rows))
        ]


def moment(micros: int) -> datetime:
    """Return the datetime of microseconds since the epoch, UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def micros_of(at: datetime) -> int:
    """Return the microseconds since the epoch of a datetime with an offset."""
    return (at - _EPOCH) // timedelta(microseconds=1)
