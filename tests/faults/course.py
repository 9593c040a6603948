"""A course of events: restarts, a while without database and one without ingest, while 10,000 devices beat."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.faults.beats import Beats, beating_homes
from tests.faults.blows import kept_down, kill, paused
from tests.faults.campaign import Campaign, caught_up, prepare, telling, under_load
from tests.faults.outages import BACK_WITHIN, Outage, outage
from tests.faults.stream import Stream, publisher, running
from tests.stack import Stack, homes
from tests.waiting import until

BEAT = 5  # seconds between heartbeats; three missed are a suspicion
# What the rule believes, in seconds: less than an outage lasts, and more than a crowded machine delays a heartbeat.
SILENT = 45
SITES, EACH = 100, 100
RATE = 100
HOUR = timedelta(hours=1)
BACKLOG = ("in-time", "told-last", "still-open")


@dataclass
class Course:
    """What was done, and what was seen on the way."""

    campaign: Campaign
    silent: tuple[str, str]
    opened: datetime
    outages: dict[str, Outage] = field(default_factory=dict)


def live_through(stack: Stack, away: float) -> Course:
    """Ingest killed, the broker killed, the database away for so many seconds, then ingest for as many."""
    registry, devices = beating_homes(SITES, EACH, BEAT)
    stack.register(registry)
    stack.register(homes(*BACKLOG))
    after = [{"scope": "*", "set": {"after": f"{SILENT}s"}}]
    assert stack.request("PUT", "/rules/H-02/overrides", json=after).status_code == 200
    sites = prepare(stack, 20)
    beats = Beats(stack.data, devices, BEAT)
    with telling(stack), beats.beating(), under_load(stack, sites, rate=RATE) as (stream, campaign):
        course = Course(campaign, devices[4711], datetime.now(UTC) - HOUR)
        _befall(stack, beats, stream, course, away)
    return course


def _befall(stack: Stack, beats: Beats, stream: Stream, course: Course, away: float) -> None:
    with psycopg.connect(running(stack.data).database_url, autocommit=True) as conn:
        _heard(conn)
        for part in ("ingest", "broker"):
            kill(stack, part)
            caught_up(conn)
    with outage(stack, "database", kept_down(stack, "database"), away) as course.outages["database"]:
        assert stream.flows()
    beats.dead.add(course.silent)
    with outage(stack, "ingest", paused(stack, "ingest"), away) as course.outages["ingest"]:
        _say_backlog(stack, course.opened)
    until("the one that fell silent is told", lambda: silent(stack), BACK_WITHIN)
    # A device that the outages alone made silent would be told by now as well.
    rounds = beats.rounds
    until("two more rounds of heartbeats", lambda: beats.rounds > rounds + 40, 60)


def _heard(conn: psycopg.Connection[Any]) -> None:
    """Wait until every device was heard once: who never was cannot fall silent."""
    heard = "SELECT count(*) FROM device_state WHERE last_seen IS NOT NULL"
    until("all devices are heard", lambda: _number(conn, heard) >= SITES * EACH, 120)


def _number(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def silent(stack: Stack) -> list[tuple[str, str]]:
    return [(alert["site"], alert["subject"]["code"]) for alert in stack.all("/alerts?rule=H-02")]


def taken_in(stack: Stack, sites: Sequence[str]) -> str:
    """The events of these sites in the order of the log, and what ingest said of its connections and pauses."""
    query = """
        SELECT position, code, effective_at, received_at, flags FROM event
          JOIN (SELECT device.id, site.code FROM device JOIN site ON site.id = device.site) AS d ON d.id = event.device
         WHERE code = ANY(%s) ORDER BY position"""
    with psycopg.connect(running(stack.data).database_url) as conn:
        rows = [str(row) for row in conn.execute(query, [list(sites)])]
    said = [line for line in stack.log.read_text(errors="replace").splitlines() if '"part": "ingest"' in line]
    return "\n".join([*rows, *said[-60:]])


def _say_backlog(stack: Stack, opened: datetime) -> None:
    """An hour's doors at once, while nobody reads: one shut in time, one whose shutting comes last, one left open."""
    session = publisher(stack.data, "backlog")
    until("the backlog's session connects", session.client.is_connected)

    def say(site: str, what: str, minutes: float) -> None:
        told = {"type": what, "at": (opened + timedelta(minutes=minutes)).isoformat(), "id": f"{what}{minutes}"}
        session.say(told, topic=f"shouwang/v1/{site}/mag-1/event")

    for site in BACKLOG:
        say(site, "door.opened", 0)
    say("in-time", "door.closed", 4)
    say("told-last", "door.closed", 4)
    session.close()
