"""What cannot be stored as what it claims to be: kept with its reason, capped, acknowledged."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ingest.delivery import Delivery
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("ingest")

PAYLOAD_BYTES = 4 * 1024
TOPIC_CHARACTERS = 512
DETAIL_CHARACTERS = 500
# The newest of each source are kept, so that a broken device cannot push out what others sent.
KEPT_PER_SOURCE = 1_000

UNKNOWN_DEVICE = "unknown_device"
WRONG_SITE = "wrong_site"
NOT_PARENT = "not_parent"
REFUSED_BY_DATABASE = "refused_by_database"
REFUSED_BY_ENGINE = "refused_by_engine"


class Refusal(NamedTuple):
    """`source` is the topic's site/device, empty where it names none; `stranger` the device code nobody knows."""

    received_at: int
    topic: str
    source: str
    reason: str
    detail: str
    payload: bytes
    stranger: str = ""


def refuse(delivery: Delivery, source: str, reason: str, detail: str) -> Refusal:
    """Return the refusal of a whole message."""
    return Refusal(delivery.received_at, delivery.topic, source, reason, detail, delivery.payload)


async def name_strangers(conn: Connection, refusals: Sequence[Refusal]) -> list[Refusal]:
    """Return the refusals with `wrong_site` where the unknown device is known elsewhere."""
    codes = {r.stranger for r in refusals if r.stranger}
    if not codes:
        return list(refusals)
    with translated():
        rows = await (await conn.execute(SQL["codes_in_use"], {"codes": list(codes)})).fetchall()
    used = {row["code"] for row in rows}
    return [
        r._replace(reason=WRONG_SITE, detail="the device belongs to another site") if r.stranger in used else r
        for r in refusals
    ]


async def keep(conn: Connection, refusals: Sequence[Refusal]) -> None:
    """Write them inside the caller's transaction and drop the oldest beyond each source's cap."""
    newest = _newest_of_each(refusals)
    with translated():
        async with conn.cursor() as cursor:
            await cursor.executemany(SQL["insert_quarantine"], [_row(r) for r in newest])
        sources = list({r.source for r in newest})
        await conn.execute(SQL["cap_quarantine"], {"sources": sources, "kept": KEPT_PER_SOURCE})


def _newest_of_each(refusals: Iterable[Refusal]) -> list[Refusal]:
    by_source: dict[str, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        by_source[refusal.source].append(refusal)
    return [refusal for group in by_source.values() for refusal in group[-KEPT_PER_SOURCE:]]


def _row(refusal: Refusal) -> dict[str, object]:
    return {
        "received_at": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=refusal.received_at),
        "topic": safe_text(refusal.topic, TOPIC_CHARACTERS),
        "source": refusal.source,
        "reason": refusal.reason,
        "detail": safe_text(refusal.detail, DETAIL_CHARACTERS),
        "payload": refusal.payload[:PAYLOAD_BYTES],
        "payload_size": len(refusal.payload),
    }


def safe_text(text: str, most: int) -> str:
    """Return text that PostgreSQL takes: no NUL, no half of a surrogate pair, no more than `most` characters."""
    return text[:most].replace("\0", "\ufffd").encode(errors="replace").decode()
