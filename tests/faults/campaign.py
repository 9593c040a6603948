"""Kills and other blows at random moments while a known stream flows and people work; then what is stored, judged."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from alerts.journal import verify_chain
from store.pool import connect
from tests.faults.blows import OTHERS, befall, pids
from tests.faults.judged import Connection, differs_from_reference, wrong_actions, wrong_doors, wrong_events
from tests.faults.people import Person
from tests.faults.stream import Ledger, Stream, running, wait
from tests.stack import Stack, homes
from tests.waiting import until

DOORS_AFTER = timedelta(seconds=20)
APART = (0.2, 4.0)  # seconds from a part's return to the next blow
OTHERS_A_KILL = 0.25
SETTLED_WITHIN = 240.0
RATE = 1000
FORGETFUL = "the log gives other alerts than the database holds"
LOG_TOLD = 6000
PARTS = ("ingest", "broker", "database", "watch")


@dataclass
class Campaign:
    """What was said and done, and what befell which part after how many messages."""

    ledger: Ledger
    people: Sequence[Person]
    blows: list[tuple[int, str, str]] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """How much of what there was."""
        return {
            "said": self.ledger.said,
            "said a second": round(self.ledger.said / self.ledger.seconds),
            "presses": sum(map(len, self.ledger.presses.values())),
            "doors": len(self.ledger.opened),
            "answered actions": sum(len(person.diary.answered) for person in self.people),
            "blows": self.blows,
        }


def prepare(stack: Stack, count: int) -> list[str]:
    """Register homes whose doors may stand open for `DOORS_AFTER`, by day and night."""
    sites = [f"storm{n}" for n in range(count)]
    stack.register(homes(*sites))
    after = f"{DOORS_AFTER.seconds}s"
    terms = {"after": after, "night.after": after, "night.severity": "P3"}
    overrides = [{"scope": f"site:{site}", "set": terms} for site in sites]
    answer = stack.request("PUT", "/rules/D-03/overrides", json=overrides)
    assert answer.status_code == 200, answer.text
    return sites


@contextmanager
def under_load(stack: Stack, sites: Sequence[str], *, rate: int, people: int = 2) -> Iterator[tuple[Stream, Campaign]]:
    """The stream flows and people work within the block; after it all that was said is acknowledged."""
    stream = Stream(stack.data, sites, rate=rate)
    desk = [Person(stack, n) for n in range(people)]
    with ExitStack() as exits:
        exits.enter_context(stream.flowing())
        for person in desk:
            exits.enter_context(person.at_work())
        yield stream, Campaign(stream.ledger, desk)


@contextmanager
def telling(stack: Stack) -> Iterator[None]:
    """What fails within the block fails with the end of the stack's log."""
    try:
        yield
    except AssertionError as error:
        error.add_note(stack.log.read_text(errors="replace")[-LOG_TOLD:])
        raise


def killing(stack: Stack, sites: Sequence[str], *, kills: int, dice: random.Random, rate: int = RATE) -> Campaign:
    """Kill what runs of `PARTS`, one at a time, at random moments; other blows fall in between."""
    there = [part for part in PARTS if part in pids(stack)]
    falling = [("kill", dice.choice(there)) for _ in range(kills)]
    for other in dice.choices(OTHERS, k=round(kills * OTHERS_A_KILL)):
        falling.insert(dice.randrange(len(falling) + 1), other)
    with telling(stack), under_load(stack, sites, rate=rate) as (stream, campaign):
        for blow, part in falling:
            wait(stream, dice.uniform(*APART))
            campaign.blows.append((stream.ledger.said, blow, part))
            befall(stack, blow, part, dice)
    return campaign


@contextmanager
def at_rest(stack: Stack, campaign: Campaign) -> Iterator[Connection]:
    """The database once all is stored and the rules were judged after that."""
    until("the stack is ready again", stack._ready, SETTLED_WITHIN)
    with psycopg.connect(running(stack.data).database_url, autocommit=True) as conn:
        _settled(conn, campaign.ledger)
        # What is judged is of one moment.
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with conn.transaction(force_rollback=True):
            yield conn


def lost_or_unwanted(conn: Connection, campaign: Campaign) -> list[str]:
    """What was lost, missed or doubled by what was said and done, in words."""
    return [
        *wrong_events(conn, campaign.ledger),
        *wrong_doors(conn, campaign.ledger, DOORS_AFTER),
        *wrong_actions(conn, [person.diary for person in campaign.people]),
    ]


def wrong_after(stack: Stack, campaign: Campaign) -> list[str]:
    """What is wrong by what was said and done, by the reference and by the chain of the log."""
    with telling(stack), at_rest(stack, campaign) as conn:
        said = stack.log.read_text(errors="replace").splitlines()
        return [
            *lost_or_unwanted(conn, campaign),
            *differs_from_reference(conn),
            *asyncio.run(_breaks(stack)),
            *[line for line in said if FORGETFUL in line],
        ]


async def _breaks(stack: Stack) -> list[str]:
    async with await connect(running(stack.data).database_url, name="judge") as conn:
        return [f"chain of the log at {found.log_id}: {found.message}" for found in await verify_chain(conn)]


def _settled(conn: Connection, ledger: Ledger) -> None:
    """Wait until all is stored, and until the rules were judged at a moment after that."""
    stored = "SELECT count(*) FROM event"

    def count() -> int:
        row = conn.execute(stored).fetchone()
        assert row is not None
        return int(row[0])

    until("every event is stored", lambda: count() >= ledger.said, SETTLED_WITHIN)
    caught_up(conn)


def caught_up(conn: Connection) -> None:
    """Wait until ingest watches and has read all that was sent before now."""
    now = conn.execute("SELECT now()").fetchone()
    judged = "SELECT 1 FROM head WHERE alive_at > %s"
    until("ingest is caught up", lambda: conn.execute(judged, now).fetchone(), SETTLED_WITHIN)
