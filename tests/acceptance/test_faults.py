"""SIGKILL of any part at random moments under load: nothing is lost, missed or doubled."""

import random
from collections.abc import Iterator

import pytest

from tests.faults.campaign import Campaign, at_rest, killing, lost_or_unwanted, prepare, wrong_after
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.timeout(600)

KILLS = 20
PLANTED = {
    "a lost event": "DELETE FROM event WHERE value = 4711",
    "an event stored twice": "INSERT INTO event SELECT * FROM event WHERE value = 4711",
    "a lost occurrence": "UPDATE alert SET occurrences = occurrences - 1 WHERE rule = 'S-01' AND occurrences > 1",
    "a missed alert": "UPDATE alert SET rule = 'D-99' WHERE rule = 'D-03'",
    "a due time that is not the true one": "UPDATE alert SET raised_at = received_at WHERE rule = 'D-03'",
    "a lost note": "DELETE FROM alert_note",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of this module's own: its parts are killed."""
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module")
def campaign(stack: Stack, dice: random.Random) -> Campaign:
    """1,000 messages a second, presses, doors and people at work, and kills at random moments."""
    return killing(stack, prepare(stack, 40), kills=KILLS, dice=dice)


def test_twenty_kills_under_load(stack: Stack, campaign: Campaign) -> None:
    """Each event is there once, each alert, each action; the alerts are the reference's, the log's chain is whole."""
    wrong = wrong_after(stack, campaign)
    assert not wrong, "\n".join([str(campaign.figures()), *wrong])
    assert all(person.diary.answered for person in campaign.people)


@pytest.mark.parametrize("fault", list(PLANTED))
def test_the_judgement_sees_a_fault(stack: Stack, campaign: Campaign, fault: str) -> None:
    """What is planted in the database and taken back is found."""
    with at_rest(stack, campaign) as conn:
        assert conn.execute(PLANTED[fault].encode()).rowcount > 0
        assert lost_or_unwanted(conn, campaign) != []
