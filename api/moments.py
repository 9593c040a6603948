"""Times at the API's edge."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

Moment = Annotated[AwareDatetime, Field(examples=["2026-11-23T02:10:00+08:00"])]


def local(at: datetime, timezone: str) -> datetime:
    """Return a moment with its site's offset; at the very end of the calendar it stays in UTC."""
    try:
        return at.astimezone(ZoneInfo(timezone))
    except OverflowError:
        return at.astimezone(UTC)
