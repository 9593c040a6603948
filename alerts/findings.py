"""What the engine finds: changes of alerts, in the order of the log."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

NEVER = 2**63 - 1
NO_SEVERITY = 9  # milder than every severity: none


class Subject(IntEnum):
    """What an alert is about; the number is a sort key and a column value."""

    SITE = 0
    PLACE = 1
    RESIDENT = 2
    DEVICE = 3

    @property
    def word(self) -> str:
        return self.name.lower()


SUBJECTS: dict[str, Subject] = {s.word: s for s in Subject}


class Change(StrEnum):
    RAISED = "raised"
    OCCURRENCE = "occurrence"
    SEVERITY = "severity"
    CLEARED = "cleared"
    CLOSED = "closed"  # by itself: mild and over, or inhibited and over
    INHIBITED = "inhibited"  # another alert explains it from now on
    SURFACED = "surfaced"  # what explained it has ended, and it still holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What never changes of an alert; numbers are registry ids, `resident` 0 means none."""

    rule: str
    subject_kind: Subject
    subject: int
    site: int
    resident: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One change of one alert. Times are microseconds; `at` is when it became true, `received_at` when it was known.

    `position` is where in the log it was found.
    """

    change: Change
    alert: int
    position: int
    at: int
    received_at: int
    severity: int
    rule_version: int
    event: int | None = None
    flags: int = 0
    emergency: bool = False
    origin: Origin | None = None  # with RAISED
    parent: int = 0  # with RAISED and INHIBITED: the alert that explains it
