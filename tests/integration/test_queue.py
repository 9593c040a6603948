"""The queue: its order, its pages, and what a scope hides."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from alerts import life
from alerts.read import AlertFilters, BadCursor, feed_rows, get_alert, list_alerts
from alerts.transitions import Actor
from devices.registry import import_registry
from devices.scope import Scope
from store.pool import Pool
from tests.live_parts import NOW, Home, open_home

HOMES = "".join(
    f"""
[[site]]
code = "q{n}"
kind = "home"
name = "q{n}"
street = "street-{n % 2}"
[[place]]
site = "q{n}"
code = "door"
kind = "door"
role = "exit"
[[resident]]
site = "q{n}"
code = "p{n}"
name = "p{n}"
flags = {["dementia", "lives_alone"][: n % 3]!r}
[[device]]
site = "q{n}"
code = "sos-q{n}"
kind = "sos_button"
resident = "p{n}"
[[device]]
site = "q{n}"
code = "mag-q{n}"
kind = "door_sensor"
place = "door"
"""
    for n in range(6)
)


@pytest.fixture
async def home(pool: Pool) -> AsyncIterator[Home]:
    """Six homes: presses in all of them a minute ago, and doors open for an hour in three."""
    async with open_home(pool) as opened:
        await import_registry(opened.conn, HOMES, file="registry.toml", by="test", now=NOW)
        rows = await (await opened.conn.execute("SELECT code, id FROM device")).fetchall()
        opened.devices = {row["code"]: row["id"] for row in rows}
        await opened.run(*[(f"mag-q{n}", "door.opened", NOW - timedelta(hours=1)) for n in range(3)])
        await opened.run(watermark=NOW - timedelta(minutes=2))
        for n in range(6):
            await opened.run((f"sos-q{n}", "sos.pressed", NOW - timedelta(seconds=90 - 10 * n)))
        yield opened


async def pages(home: Home, size: int, scope: Scope = Scope.DISTRICT, **filters: Any) -> list[list[dict[str, Any]]]:
    """Every page of a list."""
    found, cursor = [], None
    while True:
        page = await list_alerts(home.conn, scope, AlertFilters(**filters), cursor=cursor, limit=size, now=NOW)
        found.append(page.items)
        cursor = page.next
        if cursor is None:
            return found


def where(items: list[dict[str, Any]]) -> list[str]:
    return [f"{a['rule']} {a['site']}" for a in items]


async def test_the_order_of_the_queue(home: Home) -> None:
    """Severity; then time left, all that is overdue alike; then risk; what somebody holds comes after."""
    actor = await holder(home)
    await life.claim(home.conn, alert=4, actor=actor, now=NOW)  # the press at q0
    (items,) = await pages(home, 50)
    # Overdue: q1 q2 q3 (risks 1 2 0; exactly due counts), then q4 with 10 s left, q5 with 20 s.
    assert where(items) == [
        "S-01 q2", "S-01 q1", "S-01 q3", "S-01 q4", "S-01 q5", "S-01 q0", "D-03 q2", "D-03 q1", "D-03 q0",
    ]  # fmt: skip


async def holder(home: Home) -> Actor:
    row = await (
        await home.conn.execute(
            "INSERT INTO principal (name, role, created_at) VALUES ('li', 'duty', %s) RETURNING id", [NOW]
        )
    ).fetchone()
    assert row is not None
    return Actor(id=row["id"], name="li", role="duty", scope=Scope.DISTRICT)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 50])
async def test_pages_hold_every_alert_once(home: Home, size: int) -> None:
    """Open ones first, then closed ones, the newest first, whatever the size of a page."""
    actor = await holder(home)
    for alert in (1, 5, 7):
        await life.close(home.conn, alert=alert, actor=actor, now=NOW, outcome="test", contact="her", note=None)
    found = await pages(home, size)
    ids = [a["id"] for page in found for a in page]
    assert sorted(ids) == list(range(1, 10))
    assert ids[-3:] == [7, 5, 1]
    assert all(len(page) <= size for page in found)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"rule": "D-03"}, 3), ({"site": "q1"}, 2), ({"severity": (1,)}, 6), ({"severity": (2, 4)}, 0),
        ({"handling": ("new",)}, 9), ({"handling": ("closed", "claimed")}, 0), ({"condition": "cleared"}, 0),
        ({"since": NOW - timedelta(seconds=45)}, 1), ({"site": "nowhere"}, 0),
    ],
)  # fmt: skip
async def test_filters(home: Home, filters: dict[str, Any], count: int) -> None:
    """Each filter limits the list to what it says."""
    (items,) = await pages(home, 50, **filters)
    assert len(items) == count


@pytest.mark.parametrize(
    ("scope", "sites"),
    [
        (Scope(streets=("street-1",)), {"q1", "q3", "q5"}),
        (Scope(sites=("q0", "q1")), {"q0", "q1"}),
        (Scope(residents=("p2",)), {"q2"}),
        (Scope(), set()),
    ],
)
async def test_out_of_scope_there_is_nothing(home: Home, scope: Scope, sites: set[str]) -> None:
    """List, detail and feed know only what the scope holds."""
    (items,) = await pages(home, 50, scope)
    assert {a["site"] for a in items} == sites
    assert {r.alert["site"] for r in await feed_rows(home.conn, 0, 100, scope)} == sites
    for alert in range(1, 10):
        found = await get_alert(home.conn, scope, alert)
        assert (found is not None) == (alert in {a["id"] for a in items})


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "o", "c.1", "c.1.x", "o.1.2.3.4", "o.1.2.3.4.99999999999999999999", "o.99999999999999999999.1.1.1.1"],
)
async def test_a_cursor_that_no_list_gave_is_refused(home: Home, cursor: str) -> None:
    """It is the caller's error, not the database's."""
    with pytest.raises(BadCursor):
        await list_alerts(home.conn, Scope.DISTRICT, AlertFilters(), cursor=cursor, limit=5, now=NOW)


async def test_the_page_says_what_it_reflects(home: Home) -> None:
    """`as_of` is the log id after which the feed goes on."""
    page = await list_alerts(home.conn, Scope.DISTRICT, AlertFilters(), cursor=None, limit=5, now=NOW)
    assert await feed_rows(home.conn, page.as_of, 10, Scope.DISTRICT) == []
    assert len(await feed_rows(home.conn, page.as_of - 1, 10, Scope.DISTRICT)) == 1
