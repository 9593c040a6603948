"""Opaque cursors of lists: where the next page goes on, unreadable on purpose."""

import base64
import binascii
import json
from typing import Any

from api.problems import Problem

LONGEST = 1024


def encode(place: list[Any]) -> str:
    """Return a cursor of a place in a list: numbers and texts."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type) -> list[Any] | None:
    """Return the place that `encode` was given, its values of these kinds. Raises the 400 for anything else."""
    if cursor is None:
        return None
    try:
        padded = cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4)
        place = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise bad() from None
    if not isinstance(place, list) or [type(value) for value in place] != list(kinds):
        raise bad()
    if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in place):
        raise bad()
    if any(isinstance(value, str) and "\0" in value for value in place):
        raise bad()
    return place


def wrap(place: str | None) -> str | None:
    """Return a room's own cursor as the API shows it."""
    return None if place is None else encode([place])


def unwrap(cursor: str | None) -> str | None:
    """Return the room's own cursor again. Raises the 400."""
    place = decode(cursor, str)
    return None if place is None else str(place[0])


def bad() -> Problem:
    """Return the 400 of a cursor that the list never gave."""
    return Problem(400, "bad-cursor", "The cursor is not one that this list gave.")
