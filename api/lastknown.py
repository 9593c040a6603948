"""Rights last known: who was let in lately is let in while the database cannot be asked, and no longer than that."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.principals import SESSION_TIME, OpenedSession, Principal, hashed, new_secret

HOLDS = timedelta(hours=12)
REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Someone who was in force at `at`. `token` is set where a session was made of it while nobody could be asked."""

    principal: Principal
    at: datetime
    token: bytes | None = None


class LastKnown:
    """By the hash of what proved it. The clock is an argument."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def saw(self, secret: str, principal: Principal, now: datetime) -> None:
        """The database said so."""
        self._put(hashed(secret), Known(principal=principal, at=now))

    def forget(self, secret: str) -> None:
        """The database said no, or its owner signed out."""
        self._known.pop(hashed(secret), None)

    def find(self, secret: str, now: datetime) -> Principal | None:
        """Return who was in force within the last 12 hours and has not expired since."""
        known = self._known.get(hashed(secret))
        if known is None or now - known.at > HOLDS:
            return None
        ends = known.principal.expires_at
        return known.principal if ends is None or now < ends else None

    def open_session(self, token: str, now: datetime) -> OpenedSession | None:
        """Make a session of a known token, to be recorded when the database is back; None where it is not known."""
        principal = self.find(token, now)
        if principal is None or principal.csrf is not None:
            return None
        secret, csrf, ends = new_secret(), new_secret(), now + SESSION_TIME
        if principal.expires_at is not None:
            ends = min(ends, principal.expires_at)
        holder = Principal(
            id=principal.id,
            name=principal.name,
            role=principal.role,
            scope=principal.scope,
            expires_at=ends,
            csrf=csrf,
        )
        self._put(hashed(secret), Known(principal=holder, at=now, token=hashed(token)))
        return OpenedSession(principal=holder, secret=secret, csrf=csrf, expires_at=ends)

    def unrecorded(self, secret: str) -> Known | None:
        """Return a session that was made while the database was away, where this is one."""
        known = self._known.get(hashed(secret))
        return known if known is not None and known.token is not None else None

    def _put(self, name: bytes, known: Known) -> None:
        self._known[name] = known
        self._known.move_to_end(name)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
