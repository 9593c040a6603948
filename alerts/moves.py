"""Transitions: what pass 1 finds in a batch and pass 2 plays out, in one fixed order."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from alerts.watch import Watch


class Kind(IntEnum):
    """At one moment of one subject a deadline falls first, then what happened, then the end."""

    FIRE = 0
    HAPPENED = 1
    OVER = 2


class When(NamedTuple):
    """A moment and a position of the log."""

    at: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A condition that lasted from `since` to `end` and is over."""

    since: int
    end: int
    origin: int
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transition. `run` is None for the condition that still holds; `event` caused a HAPPENED."""

    position: int
    at: int
    rule: str
    subject_kind: int
    subject: int
    kind: Kind
    watch: "Watch"
    row: int
    received_at: int
    run: Run | None = None
    event: int | None = None
    flags: int = 0

    @property
    def order(self) -> tuple[int, int, str, int, int, int]:
        """By position, due, rule, subject."""
        return (self.position, self.at, self.rule, self.subject_kind, self.subject, self.kind)
