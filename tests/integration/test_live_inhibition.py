"""Inhibited alerts in service: rows that are not shown on their own, and what brings them back."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from alerts import life
from alerts.journal import verify_chain
from alerts.live import LiveEngine
from alerts.read import feed_rows, get_alert
from alerts.schedule import micros
from alerts.transitions import Actor, Decision
from alerts.versions import put_overrides
from devices.scope import Scope
from store.head import read_input
from store.pool import Pool
from tests.homes import ONE_HOME
from tests.live_parts import NOW, Home, open_home

INSTITUTION = ONE_HOME.replace('kind = "home"', 'kind = "institution"')


@pytest.fixture
async def home(pool: Pool) -> AsyncIterator[Home]:
    """An institution of one door."""
    async with open_home(pool, INSTITUTION) as opened:
        yield opened


async def person(home: Home) -> Actor:
    row = await (
        await home.conn.execute(
            "INSERT INTO principal (name, role, created_at) VALUES ('li', 'duty', %s) RETURNING id", [NOW]
        )
    ).fetchone()
    assert row is not None
    return Actor(id=row["id"], name="li", role="duty", scope=Scope.DISTRICT)


async def shown(home: Home, **filters: object) -> list[tuple[str, str]]:
    return [(a["rule"], a["handling"]) for a in await home.alerts(**filters)]


async def restarted(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """A new engine agrees with the database."""
    home.engine = LiveEngine()
    with caplog.at_level(logging.ERROR):
        await home.engine.bootstrap(home.conn)
    assert caplog.records == []


async def open_for_long(home: Home) -> None:
    await home.run(("mag-1", "door.opened", NOW))
    await home.run(watermark=NOW + timedelta(minutes=20))


async def test_the_queue_shows_what_explains_and_lists_the_rest(home: Home) -> None:
    """An inhibited alert is listed when it is asked for, and by the one that explains it."""
    await open_for_long(home)
    assert await shown(home) == [("D-06", "new")]
    assert await shown(home, handling=("inhibited",)) == [("D-03", "inhibited")]
    (parent,) = await home.alerts()
    (child,) = await home.alerts(handling=("inhibited",))
    assert (parent["inhibits"], child["inhibits"]) == ([child["id"]], [])


async def test_it_surfaces_when_its_parent_is_closed(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """The feed names each change, after a restart as before it, and the chain holds."""
    await open_for_long(home)
    await restarted(home, caplog)
    later = NOW + timedelta(minutes=30)
    await life.close(home.conn, alert=1, actor=await person(home), now=later, outcome="test", note="n")
    await home.run()
    assert await shown(home, handling=("new", "inhibited")) == [("D-03", "new")]
    rows = await feed_rows(home.conn, 0, 99, Scope.DISTRICT)
    assert [(r.change, r.alert["rule"], r.alert["handling"]) for r in rows] == [
        ("raised", "D-06", "new"), ("raised", "D-03", "inhibited"), ("closed", "D-06", "closed"),
        ("surfaced", "D-03", "new"),
    ]  # fmt: skip
    assert await verify_chain(home.conn) == []
    await restarted(home, caplog)


@pytest.mark.parametrize(("act", "handling"), [(life.claim, "claimed"), (life.close, "closed")])
async def test_what_was_done_while_the_engine_was_behind_stands(
    home: Home, caplog: pytest.LogCaptureFixture, act: Callable[..., Awaitable[Decision]], handling: str
) -> None:
    """Somebody closes a D-06, somebody acts on the D-03 it explained, and only then the engine learns of both."""
    await open_for_long(home)
    actor, told = await person(home), {"outcome": "accidental"} if act is life.close else {}
    await life.close(home.conn, alert=1, actor=actor, now=NOW + timedelta(minutes=21), outcome="accidental")
    assert (await act(home.conn, alert=2, actor=actor, now=NOW + timedelta(minutes=22), **told)).allowed
    await home.run()
    detail = await get_alert(home.conn, Scope.DISTRICT, 2)
    assert detail is not None
    assert (detail["handling"], detail["log"][-1]["change"]) == (handling, handling)
    await restarted(home, caplog)


async def test_a_new_one_is_folded(home: Home) -> None:
    """A D-03 that was there before the D-06 of its door is explained by it from then on."""
    await put_overrides(home.conn, "D-06", [{"scope": "*", "set": {"after": "15min"}}], by="li", now=NOW)
    await home.run(("mag-1", "door.opened", NOW))
    await home.run(watermark=NOW + timedelta(minutes=10))
    assert await shown(home) == [("D-03", "new")]
    await home.run(watermark=NOW + timedelta(minutes=15))
    assert await shown(home) == [("D-06", "new")]
    detail = await get_alert(home.conn, Scope.DISTRICT, 1)
    assert detail is not None
    assert [entry["change"] for entry in detail["log"]] == ["raised", "inhibited"]


async def test_a_claimed_one_stays(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Claims are in the engine's log, so that it knows; so does one that was rebuilt."""
    await put_overrides(home.conn, "D-06", [{"scope": "*", "set": {"after": "15min"}}], by="li", now=NOW)
    await home.run(("mag-1", "door.opened", NOW))
    await home.run(watermark=NOW + timedelta(minutes=10))
    await life.claim(home.conn, alert=1, actor=await person(home), now=NOW + timedelta(minutes=11))
    last = (await read_input(home.conn, 0))[-1]
    assert (last.kind, last.body["held"]) == ("claim", True)
    await home.run()
    await restarted(home, caplog)
    await home.run(watermark=NOW + timedelta(minutes=15))
    assert sorted(await shown(home)) == [("D-03", "claimed"), ("D-06", "new")]


async def test_a_claim_of_an_inhibited_one_lets_it_stand_on_its_own(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """Given back, it is new, not inhibited again."""
    await open_for_long(home)
    actor = await person(home)
    await life.claim(home.conn, alert=2, actor=actor, now=NOW + timedelta(minutes=21))
    await home.run()
    await life.release(home.conn, alert=2, actor=actor, now=NOW + timedelta(minutes=22))
    await home.run()
    assert sorted(await shown(home)) == [("D-03", "new"), ("D-06", "new")]
    await restarted(home, caplog)


async def test_a_cause_that_was_used_before_does_not_end_the_watch(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """Such an alert gets a cause of its own, and the log says so as an error."""
    await home.run(("sos-1", "sos.pressed", NOW))
    since = micros(NOW + timedelta(minutes=1))
    await home.conn.execute(
        "UPDATE alert SET handling = 'closed', rule = 'D-03', subject_kind = 'place', cause = %s,"
        " subject = (SELECT id FROM place)",
        [f"since:{since}"],
    )
    await home.run(("mag-1", "door.opened", NOW + timedelta(minutes=1)))
    with caplog.at_level(logging.ERROR):
        await home.run(watermark=NOW + timedelta(minutes=20))
    assert sorted(await shown(home, handling=("new", "inhibited"))) == [("D-03", "inhibited"), ("D-06", "new")]
    (record,) = caplog.records
    assert record.getMessage() == "an alert with a cause that was used before"
    rows = await (await home.conn.execute("SELECT cause FROM alert WHERE rule = 'D-03' ORDER BY id")).fetchall()
    assert [row["cause"] for row in rows] == [f"since:{since}", f"since:{since}#3"]
