"""What people do with alerts: each act one transaction that decides, writes, logs and tells the engine."""

from datetime import datetime

from alerts.journal import chained
from alerts.record import Changes, standing, write
from alerts.transitions import Act, Actor, Alert, Decision, Reason, done, says_something
from store.errors import translated
from store.head import Head, InputEntry, append_input, lock_head, save_head
from store.notify import notify
from store.pool import Connection
from store.queries import load

SQL = load("alerts")
HEAD_WAIT = 1.0  # seconds that a person's act waits for the head row


async def claim(conn: Connection, *, alert: int, actor: Actor, now: datetime) -> Decision:
    """Take an alert; only one can. One's own claim again is allowed and changes nothing."""
    return await perform(conn, alert, Act(do="claim", by=actor, at=now))


async def release(conn: Connection, *, alert: int, actor: Actor, now: datetime) -> Decision:
    """Give an alert back: its holder, or a supervisor or admin. An outcome that awaits confirmation is dropped."""
    return await perform(conn, alert, Act(do="release", by=actor, at=now))


async def note(conn: Connection, *, alert: int, actor: Actor, now: datetime, note: str) -> Decision:
    """Write something down, also on a closed alert."""
    return await perform(conn, alert, Act(do="note", by=actor, at=now, note=note))


async def close(
    conn: Connection,
    *,
    alert: int,
    actor: Actor,
    now: datetime,
    outcome: str | None = None,
    contact: str | None = None,
    note: str | None = None,
) -> Decision:
    """End an alert, with an outcome for P1 and P2; a P1 without contact awaits a second person."""
    return await perform(conn, alert, Act(do="close", by=actor, at=now, outcome=outcome, contact=contact, note=note))


async def confirm(
    conn: Connection,
    *,
    alert: int,
    actor: Actor,
    now: datetime,
    contact: str | None = None,
    note: str | None = None,
) -> Decision:
    """Agree, as a second person, to the outcome that somebody proposed without contact."""
    return await perform(conn, alert, Act(do="confirm", by=actor, at=now, contact=contact, note=note))


async def perform(conn: Connection, alert: int, act: Act) -> Decision:
    """Decide an act and write what it changes. Raises `LockTimeout` where the head row stays taken."""
    with translated():
        async with conn.transaction():
            head = await lock_head(conn, wait=HEAD_WAIT)
            found = await _in_scope(conn, alert, act.by)
            if found is None:
                return Decision(reason=Reason.NO_SUCH_ALERT, alert=None)
            before, person_clears = found
            decision = done(before, act, person_clears=person_clears)
            if decision.change is not None:
                await _write(conn, head, before, decision, act)
    return decision


async def _in_scope(conn: Connection, alert: int, actor: Actor) -> tuple[Alert, bool] | None:
    """The alert as it stands, and whether its condition ends only with its closing by a person."""
    found = await conn.execute(SQL["alert_in_scope"], {"id": alert, **actor.scope.params()})
    if (row := await found.fetchone()) is None:
        return None
    return (await standing(conn, [alert]))[alert], row["person_clears"]


async def _write(conn: Connection, head: Head, before: Alert, decision: Decision, act: Act) -> None:
    after, change = decision.alert, decision.change
    assert after is not None, "what is logged has an alert"  # noqa: S101 -- for the type checker
    assert change is not None, "only changes are written"  # noqa: S101 -- the same
    written = {k: v for k, v in (("contact", act.contact), ("note", act.note)) if v and says_something(v)}
    row = chained(head, after, change, at=act.at, by=act.by.name, written=written)
    await write(conn, Changes(alerts={after.id: after}, log=[row]))
    if entry := _for_the_engine(before, after, act.at):
        await append_input(conn, head, [entry])
        await notify(conn, "input_log")
    await save_head(conn, head)
    await notify(conn, "alert_log", str(head.log_id))


def _for_the_engine(before: Alert, after: Alert, at: datetime) -> InputEntry | None:
    """What the engine must know of an act: a closing, and whether somebody holds what another alert may explain."""
    if before.handling == "closed":
        return None
    body = {"alert": before.id, "rule": before.rule, "subject_kind": before.subject_kind, "subject": before.subject}
    if after.handling == "closed":
        state = {"severity": before.severity, "active": before.condition == "active"}
        return InputEntry(kind="closing", at=at, body=body | state)
    held = after.claimed_by is not None
    if held == (before.claimed_by is not None):
        return None
    return InputEntry(kind="claim", at=at, body=body | {"held": held})
