"""What the running parts say of themselves, judged: silence is not health."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("api")

SILENT_AFTER = 30.0  # seconds: guarantee 9
NEEDED = ("database", "broker", "ingest")
WATCH = "watch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part. `reason` is why it is not ok, for people; `age` is seconds since it spoke."""

    name: str
    ok: bool
    reason: str | None
    at: datetime | None
    age: float | None
    detail: dict[str, Any]


async def read_parts(conn: Connection, since: datetime, *, watched: bool = False) -> dict[str, Part]:
    """Return the parts by name, the needed ones always there. What was said before `since` does not count.

    `watched`: a watch belongs to this installation, so it is needed; one that has ever spoken here is as well.
    """
    with translated():
        rows = await (await conn.execute(SQL["parts"])).fetchall()
    parts = {row["name"]: _judged(row, since) for row in rows}
    parts.setdefault("ingest", _unheard("ingest"))
    if watched:
        parts.setdefault(WATCH, _unheard(WATCH))
    parts["database"] = Part(name="database", ok=True, reason=None, at=None, age=0.0, detail={})
    parts.setdefault("broker", _broker_by_ingest(parts["ingest"]))
    return parts


def database_away() -> dict[str, Part]:
    """Return the needed parts when nobody can be asked."""
    silent = {name: _unheard(name) for name in NEEDED}
    silent["database"] = Part(
        name="database", ok=False, reason="the database does not answer", at=None, age=None, detail={}
    )
    return silent


def ready(parts: dict[str, Part]) -> bool:
    return all(parts[name].ok for name in NEEDED) and (WATCH not in parts or parts[WATCH].ok)


def _judged(row: dict[str, Any], since: datetime) -> Part:
    reason = None
    if row["age"] > SILENT_AFTER:
        reason = f"silent for {row['age']:.0f} s"
    elif row["at"] < since:
        reason = "has not spoken since this process started"
    elif not row["ok"]:
        reason = str(row["detail"].get("reason", "says that it is not ready"))
    return Part(
        name=row["name"], ok=reason is None, reason=reason, at=row["at"], age=max(row["age"], 0.0), detail=row["detail"]
    )


def _unheard(name: str) -> Part:
    return Part(name=name, ok=False, reason="has not spoken yet", at=None, age=None, detail={})


def _broker_by_ingest(ingest: Part) -> Part:
    # A broker that is not ours writes no row: whether ingest is connected to it tells.
    connected = ingest.age is not None and ingest.age <= SILENT_AFTER and ingest.detail.get("session") is True
    reason = None if connected else "ingest is not connected to it"
    return Part(name="broker", ok=connected, reason=reason, at=ingest.at, age=ingest.age, detail={})
