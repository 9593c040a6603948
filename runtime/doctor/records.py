"""What the database tells of the watch: its head, the days ahead, the quarantine, tokens, the chain of the log."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.journal import verify_chain
from runtime.doctor.patient import SQL, Patient
from runtime.doctor.report import Checked
from store.errors import translated
from store.partitions import missing_partitions
from store.pool import Connection
from store.timeseries import Way, way_of

BEHIND_SECONDS = 60.0
AHEAD_SECONDS = 5.0
# Ingest makes three days ahead; with fewer than two it has been away for a day.
DAYS_AHEAD = 2
QUARANTINED_AN_HOUR = 100
TOKEN_SOON = timedelta(days=7)
TOKEN_MADE_FOR = timedelta(days=14)
CREDENTIAL_PATIENCE = timedelta(seconds=30)
BREAKS_TOLD = 10


async def head(patient: Patient, checked: Checked) -> None:
    """Who holds the partition, how far the log is, and until when somebody watched."""
    conn = _of(patient)
    (row,) = await _rows(conn, "doctor_head")
    holders = await _rows(conn, "doctor_holders")
    ago = row["watched_ago"]
    checked.facts |= {k: row[k] for k in ("epoch", "position", "log_id")}
    checked.facts |= {"watched_seconds_ago": None if ago is None else round(ago, 1)}
    checked.facts["holders"] = [{"pid": h["pid"], "address": h["address"] or "local"} for h in holders]
    if ago is not None and ago > BEHIND_SECONDS:
        checked.find("watch_behind", seconds=round(ago))
    if ago is not None and ago < -AHEAD_SECONDS:
        checked.find("watch_ahead", seconds=round(-ago))
    if row["reported"] is not None and row["reported"] < row["epoch"]:
        checked.find("epoch_passed", reported=row["reported"], epoch=row["epoch"])
    if len(holders) > 1:
        checked.find("two_holders", count=len(holders))
    if patient.broker_managed:
        await _credentials(conn, checked)


async def _credentials(conn: Connection, checked: Checked) -> None:
    (row,) = await _rows(conn, "doctor_credentials", patience=CREDENTIAL_PATIENCE)
    if row["waiting"]:
        checked.find("credentials_waiting", count=row["waiting"])


async def partitions(patient: Patient, checked: Checked) -> None:
    """Whether today and the next days have a partition of events; a hypertable makes its own."""
    conn = _of(patient)
    way = await way_of(conn)
    checked.facts["stored_as"] = way.value
    if way is Way.HYPERTABLE:
        return
    missing = await missing_partitions(conn, datetime.now(UTC), ahead=DAYS_AHEAD)
    checked.facts["missing"] = missing
    if missing:
        checked.find("partition_missing", days=", ".join(missing))
    (row,) = await _rows(conn, "doctor_default_partition")
    if row["used"]:
        checked.find("partition_default")


async def quarantine(patient: Patient, checked: Checked) -> None:
    """How fast it grows."""
    conn = _of(patient)
    since = datetime.now(UTC) - timedelta(hours=1)
    reasons = {row["reason"]: row["messages"] for row in await _rows(conn, "doctor_quarantine", since=since)}
    (size,) = await _rows(conn, "doctor_quarantine_size")
    checked.facts |= {"kept": size["kept"], "last_hour": reasons}
    if sum(reasons.values()) >= QUARANTINED_AN_HOUR:
        checked.find("quarantine_grows", count=sum(reasons.values()), reason=next(iter(reasons)))


async def tokens(patient: Patient, checked: Checked) -> None:
    """Which long-lived tokens end within days; short ones are meant to."""
    now = datetime.now(UTC)
    rows = await _rows(_of(patient), "doctor_tokens", now=now, until=now + TOKEN_SOON, made_for=TOKEN_MADE_FOR)
    checked.facts["expire_soon"] = len(rows)
    for row in rows:
        checked.find("token_expires", name=row["name"], role=row["role"], when=f"{row['expires_at']:%Y-%m-%d}")


async def chain(patient: Patient, checked: Checked) -> None:
    """Verify the alert log from its first entry to its last, as of one moment while others go on writing."""
    conn = _of(patient)
    with translated():
        async with conn.transaction():
            (row,) = await _rows(conn, "doctor_head")
            breaks = await verify_chain(conn)
    checked.facts |= {"entries": row["log_id"], "breaks": len(breaks)}
    for found in breaks[:BREAKS_TOLD]:
        checked.find("chain_broken", log_id=found.log_id, reason=found.message)


def _of(patient: Patient) -> Connection:
    assert patient.conn is not None  # noqa: S101 -- these checks are made with a connection only
    return patient.conn


async def _rows(conn: Connection, name: str, **parameters: object) -> list[dict[str, Any]]:
    with translated():
        return await (await conn.execute(SQL[name], parameters)).fetchall()
