"""What people do with alerts, and what each refusal is called."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from alerts import life
from alerts.journal import verify_chain
from alerts.read import get_alert
from alerts.transitions import Actor, Decision, Reason
from devices.scope import Scope
from store.head import read_input
from store.pool import Pool
from tests.live_parts import NOW, Home, open_home

SOON = NOW + timedelta(minutes=1)


@dataclass(frozen=True)
class Desk:
    """A home with one open S-01, and two people at the desk."""

    home: Home
    pool: Pool
    first: Actor
    second: Actor
    supervisor: Actor

    async def handling(self) -> str:
        alert = await get_alert(self.home.conn, Scope.DISTRICT, 1)
        assert alert is not None
        return str(alert["handling"])


async def principal(home: Home, name: str, role: str, scope: Scope = Scope.DISTRICT) -> Actor:
    row = await (
        await home.conn.execute(
            "INSERT INTO principal (name, role, created_at) VALUES (%s, %s, %s) RETURNING id", [name, role, NOW]
        )
    ).fetchone()
    assert row is not None
    return Actor(id=row["id"], name=name, role=role, scope=scope)


@pytest.fixture
async def desk(pool: Pool) -> AsyncIterator[Desk]:
    """One S-01, raised a moment ago."""
    async with open_home(pool) as home:
        roles = (("li", "duty"), ("wang", "duty"), ("z", "supervisor"))
        people = [await principal(home, name, role) for name, role in roles]
        await home.run(("sos-1", "sos.pressed", NOW))
        yield Desk(home, pool, *people)


async def close(desk: Desk, who: Actor, outcome: str | None, contact: str | None = None) -> Decision:
    return await life.close(desk.home.conn, alert=1, actor=who, now=SOON, outcome=outcome, contact=contact, note="n")


async def test_fifty_claims_at_once_have_one_holder(desk: Desk) -> None:
    """One of two people gets it; each refusal names the holder; one's own claim again is fine."""

    async def one(k: int) -> Decision:
        async with desk.pool.connection() as conn:
            return await life.claim(conn, alert=1, actor=[desk.first, desk.second][k % 2], now=SOON)

    decisions = await asyncio.gather(*(one(k) for k in range(50)))
    holders = {d.holder for d in decisions}
    assert len(holders) == 1
    assert {d.reason for d in decisions} == {Reason.CLAIMED, Reason.ALREADY_YOURS, Reason.HELD_BY_ANOTHER}
    assert sum(d.reason is Reason.CLAIMED for d in decisions) == 1


async def test_a_p1_needs_an_outcome_that_is_known(desk: Desk) -> None:
    """Without an outcome, or with an unknown one, nothing changes."""
    await life.claim(desk.home.conn, alert=1, actor=desk.first, now=SOON)
    assert (await close(desk, desk.first, None)).reason is Reason.OUTCOME_NEEDED
    assert (await close(desk, desk.first, "gone")).reason is Reason.OUTCOME_UNKNOWN
    assert await desk.handling() == "claimed"


NOTHING_TO_SEE = "  \u200b\u2060\ufeff\u00ad\n"


async def test_a_p1_without_contact_needs_a_second_person(desk: Desk) -> None:
    """It awaits confirmation, which its proposer cannot give; characters that nobody sees are no contact."""
    await life.claim(desk.home.conn, alert=1, actor=desk.first, now=SOON)
    assert (await close(desk, desk.first, "accidental", NOTHING_TO_SEE)).reason is Reason.AWAITS_CONFIRMATION
    assert await desk.handling() == "confirming"
    own = await life.confirm(desk.home.conn, alert=1, actor=desk.first, now=SOON)
    assert own.reason is Reason.SECOND_PERSON_NEEDED
    other = await life.confirm(desk.home.conn, alert=1, actor=desk.second, now=SOON, note="seen")
    assert other.reason is Reason.CONFIRMED
    detail = await get_alert(desk.home.conn, Scope.DISTRICT, 1)
    assert detail is not None
    assert (detail["handling"], detail["outcome"], detail["claimed_by"]) == ("closed", "accidental", "li")
    assert (detail["condition"], detail["cleared_at"]) == ("cleared", detail["closed_at"])
    assert [e["change"] for e in detail["log"]] == ["raised", "claimed", "confirming", "closed"]


async def test_a_note_tells_something(desk: Desk) -> None:
    """Blanks and zero-width marks are no note; a sign or a figure is one."""
    for text, reason in ((NOTHING_TO_SEE, Reason.NOTE_NEEDED), ("✓", Reason.NOTED), ("120", Reason.NOTED)):
        decision = await life.note(desk.home.conn, alert=1, actor=desk.first, now=SOON, note=text)
        assert decision.reason is reason


async def test_a_press_ends_a_proposal(desk: Desk) -> None:
    """Whoever presses while a closing awaits confirmation is not done with: the alert is claimed again."""
    await close(desk, desk.first, "accidental")
    await desk.home.run(("sos-1", "sos.pressed", SOON))
    assert await desk.handling() == "claimed"
    refused = await life.confirm(desk.home.conn, alert=1, actor=desk.second, now=SOON)
    assert refused.reason is Reason.NOT_CONFIRMING


async def test_closing_ends_the_alert_for_the_engine_too(desk: Desk) -> None:
    """The closing is in the engine's log; the next press is a new alert; the closed one takes no more."""
    assert (await close(desk, desk.first, "real_medical", "reached her son")).reason is Reason.CLOSED
    assert [e.kind for e in await read_input(desk.home.conn, 0)][-1] == "closing"
    assert (await close(desk, desk.first, "test")).reason is Reason.ALREADY_CLOSED
    await desk.home.run(("sos-1", "sos.pressed", SOON))
    assert [a["id"] for a in await desk.home.alerts()] == [2, 1]


async def test_another_persons_alert_is_closed_by_a_supervisor_only(desk: Desk) -> None:
    """A colleague is refused with the holder's name; a supervisor may close, and may give it back."""
    await life.claim(desk.home.conn, alert=1, actor=desk.first, now=SOON)
    refused = await close(desk, desk.second, "test", "x")
    assert (refused.reason, refused.holder) == (Reason.HELD_BY_ANOTHER, "li")
    released = await life.release(desk.home.conn, alert=1, actor=desk.supervisor, now=SOON)
    assert released.reason is Reason.RELEASED
    assert await desk.handling() == "new"
    assert (await life.release(desk.home.conn, alert=1, actor=desk.first, now=SOON)).reason is Reason.NOT_CLAIMED


@pytest.mark.parametrize(
    ("role", "scope", "reason"),
    [
        ("family", Scope.DISTRICT, Reason.ROLE_MAY_NOT),
        ("bureau", Scope.DISTRICT, Reason.ROLE_MAY_NOT),
        ("duty", Scope(streets=("elsewhere",)), Reason.NO_SUCH_ALERT),
        ("duty", Scope(residents=("r1",)), Reason.CLAIMED),
    ],
)
async def test_role_and_scope_decide(desk: Desk, role: str, scope: Scope, reason: Reason) -> None:
    """Who may not act is told so; out of scope the alert does not exist."""
    actor = await principal(desk.home, "x", role, scope)
    assert (await life.claim(desk.home.conn, alert=1, actor=actor, now=SOON)).reason is reason


async def test_notes_are_kept_and_erasable(desk: Desk) -> None:
    """Erasing what was written leaves the chain whole; altering it does not."""
    await life.note(desk.home.conn, alert=1, actor=desk.first, now=SOON, note="key under the mat")
    assert (await life.note(desk.home.conn, alert=1, actor=desk.first, now=SOON, note=" ")).reason is Reason.NOTE_NEEDED
    detail = await get_alert(desk.home.conn, Scope.DISTRICT, 1)
    assert detail is not None
    assert (detail["log"][-1]["note"], detail["log"][-1]["by"]) == ("key under the mat", "li")
    await desk.home.conn.execute("UPDATE alert_note SET text = replace(text, 'mat', 'pot')")
    assert [b.log_id for b in await verify_chain(desk.home.conn)] == [2]
    await desk.home.conn.execute("DELETE FROM alert_note")
    assert await verify_chain(desk.home.conn) == []
    erased = await get_alert(desk.home.conn, Scope.DISTRICT, 1)
    assert erased is not None
    assert (erased["log"][-1]["note"], erased["log"][-1]["erased"]) == (None, True)


async def test_times_without_offset_are_refused(desk: Desk) -> None:
    """A naive time is an error of the program, not a guess."""
    with pytest.raises(ValueError, match="offset"):
        await life.claim(desk.home.conn, alert=1, actor=desk.first, now=datetime(2026, 1, 1))  # noqa: DTZ001 -- the point
    assert NOW.tzinfo is UTC
