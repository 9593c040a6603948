"""Ingest killed with a backlog that it could not write: NATS sends that again in no order, and no door is misjudged."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.faults.blows import kept_down, kill
from tests.faults.campaign import caught_up
from tests.faults.stream import publisher, running
from tests.stack import Stack, homes, running_stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(400)

SITES = [f"shuffled{n}" for n in range(40)]
BEGINNINGS = tuple(timedelta(minutes=minutes) for minutes in (0, 40))
IN_TIME, TOO_LATE = timedelta(minutes=4), timedelta(minutes=25)
# Between two messages, so that the broker's repetitions, each 2 s, overlap.
APART = 0.02
# Of the broker's repetitions several pass, each of which mixes them further.
UNREAD = 7.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of this module's own: its parts are stopped."""
    with running_stack() as running:
        yield running


def _shut_after(site: str) -> timedelta:
    """Of every second door: in time, so that nothing is to be told of it."""
    return TOO_LATE if SITES.index(site) % 2 else IN_TIME


def _say(stack: Stack, opened: datetime) -> None:
    """Doors of two hours ago, opened and shut twice, one home's after the other's."""
    session = publisher(stack.data, "shuffled")
    until("the session connects", session.client.is_connected)
    for begin in BEGINNINGS:
        for what in ("opened", "closed"):
            for site in SITES:
                at = opened + begin + (_shut_after(site) if what == "closed" else timedelta())
                told = {"type": f"door.{what}", "at": at.isoformat(), "id": f"{what} {begin}"}
                session.say(told, topic=f"shouwang/v1/{site}/mag-1/event")
                time.sleep(APART)
    session.close()


def _stored(conn: psycopg.Connection[Any]) -> list[datetime]:
    rows = "SELECT effective_at FROM event WHERE detail ->> 'id' LIKE '%ed %:%' ORDER BY position"
    return [at for (at,) in conn.execute(rows)]


def test_a_backlog_in_no_order_is_judged_by_its_own_times(stack: Stack) -> None:
    """Every door that stood open too long is told of with its moment, and no other."""
    stack.register(homes(*SITES))
    opened = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    with kept_down(stack, "database"):
        _say(stack, opened)
        time.sleep(UNREAD)
        kill(stack, "ingest")
    until("everything is ready again", stack._ready, 240)
    with psycopg.connect(running(stack.data).database_url, autocommit=True) as conn:
        until("every door is stored", lambda: len(_stored(conn)) == 2 * len(SITES) * len(BEGINNINGS), 120)
        caught_up(conn)
        moments = _stored(conn)
    assert moments == sorted(moments)
    raised = Counter(
        site for site in SITES for alert in stack.alerts(site, "D-03") for _ in range(alert["occurrences"])
    )
    assert raised == {site: len(BEGINNINGS) for site in SITES if _shut_after(site) == TOO_LATE}
