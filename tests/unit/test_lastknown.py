"""Rights last known: for whom they hold, and how long."""

from datetime import UTC, datetime, timedelta

from api.lastknown import HOLDS, REMEMBERED, LastKnown
from api.principals import Principal
from devices.scope import Scope

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SOON = timedelta(minutes=5)


def duty(ends: datetime | None = None, csrf: str | None = None) -> Principal:
    return Principal(id=1, name="W-03", role="duty", scope=Scope.DISTRICT, expires_at=ends, csrf=csrf)


def test_holds_for_twelve_hours() -> None:
    """Who was let in is known for 12 hours and no longer; nobody else is."""
    known = LastKnown()
    known.saw("a", duty(), NOW)
    assert known.find("a", NOW + HOLDS) == duty()
    assert known.find("a", NOW + HOLDS + timedelta(seconds=1)) is None
    assert known.find("b", NOW) is None


def test_expires_with_its_principal() -> None:
    """What has expired is not known, however lately it was seen."""
    known = LastKnown()
    known.saw("a", duty(NOW + SOON), NOW)
    assert known.find("a", NOW + SOON - timedelta(seconds=1)) is not None
    assert known.find("a", NOW + SOON) is None


def test_forgotten() -> None:
    """Whom the database refused, or who signed out, is not let in again."""
    known = LastKnown()
    known.saw("a", duty(), NOW)
    known.forget("a")
    known.forget("never seen")
    assert known.find("a", NOW) is None


def test_bounded() -> None:
    """It remembers so many and drops the oldest."""
    known = LastKnown()
    for n in range(REMEMBERED + 1):
        known.saw(str(n), duty(), NOW)
    assert known.find("0", NOW) is None
    assert known.find(str(REMEMBERED), NOW) is not None


def test_session_of_a_known_token() -> None:
    """A known token makes a session, which ends with it; a session makes none, and neither does a stranger."""
    known = LastKnown()
    known.saw("token", duty(NOW + SOON), NOW)
    known.saw("cookie", duty(csrf="c"), NOW)
    assert known.open_session("cookie", NOW) is None
    assert known.open_session("stranger", NOW) is None
    opened = known.open_session("token", NOW)
    assert opened is not None
    assert opened.expires_at == NOW + SOON
    assert known.find(opened.secret, NOW) == opened.principal
    assert known.unrecorded(opened.secret) is not None
    assert known.unrecorded("cookie") is None
