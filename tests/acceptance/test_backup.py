"""A backup taken under load restores into an empty directory to a system that watches on."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from alerts.journal import verify_chain
from store.pool import connect
from tests.faults.campaign import DOORS_AFTER, prepare, under_load
from tests.faults.stream import running, wait
from tests.stack import Device, Stack, home, running_stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where a part's own user may pass."""
    made = Path(tempfile.mkdtemp(prefix="sw-stack-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_backup_under_load_is_restored_to_a_watch(folder: Path) -> None:
    """The log up to the backup and its chain, an open alert and its holder, a timer, a token, a credential."""
    with running_stack() as old:
        left_open, *sites = prepare(old, 7)
        opened, credentials = _live(old, left_open)
        with under_load(old, sites, rate=100) as (stream, _):
            wait(stream, 2)
            old.command("backup", str(folder / "backup"), "--data", str(old.data))
            assert stream.flows()
        logged, stored = _told(old)
        old.kill()
        token = old.token
    assert (folder / "backup").stat().st_mode & 0o777 == 0o600
    Stack(folder / "new").command("restore", str(folder / "backup"), "--data", str(folder / "new"))
    new = Stack(folder / "new")
    new.token = token
    try:
        new.up()
        _as_before(new, logged, stored)
        _watches(new, left_open, opened, credentials)
    finally:
        new.down()


def _live(stack: Stack, left_open: str) -> tuple[datetime, tuple[str, str]]:
    """A press that a person has taken, and a door that stands open; since when, and the sensor's credentials."""
    stack.register(home("called"))
    stack.device("called", "sos-1").say({"type": "sos.pressed"})
    alert = until("S-01", lambda: stack.alerts("called", "S-01"))[0]
    assert stack.request("POST", f"/alerts/{alert['id']}/claim", json={}).status_code == 200
    credentials = stack.credentials(left_open, "mag-1")
    sensor, opened = Device(stack.mqtt, *credentials), datetime.now(UTC).replace(microsecond=0)
    sensor.say({"type": "door.opened", "at": opened.isoformat()})
    sensor.close()
    until("the opening is stored", lambda: stack.all(f"/events?site={left_open}"))
    return opened, credentials


def _told(stack: Stack) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The whole log of alerts, and the place of each event."""
    with psycopg.connect(running(stack.data).database_url, row_factory=dict_row) as conn:
        logged = conn.execute("SELECT log_id, alert, change, at, by, chain FROM alert_log ORDER BY log_id").fetchall()
        stored = conn.execute("SELECT position, device, received_at FROM event ORDER BY position").fetchall()
    return logged, stored


def _as_before(stack: Stack, logged: list[dict[str, Any]], stored: list[dict[str, Any]]) -> None:
    """All that there was when the backup was taken is there, and no more was taken than was there then."""
    log, events = _told(stack)
    upto, position = _taken(log, logged), _taken(events, stored)
    assert 0 < upto < len(logged)
    assert 0 < position < len(stored)
    assert asyncio.run(_breaks(stack)) == 0
    alert = stack.alerts("called", "S-01")[0]
    assert (alert["handling"], alert["claimed_by"] is not None) == ("claimed", True)


def _taken(restored: list[dict[str, Any]], told: list[dict[str, Any]]) -> int:
    """How many rows the two have in common from the first on: what follows is of one system alone."""
    same = 0
    for ours, theirs in zip(restored, told, strict=False):
        if ours != theirs:
            break
        same += 1
    return same


async def _breaks(stack: Stack) -> int:
    async with await connect(running(stack.data).database_url, name="judge") as conn:
        return len(list(await verify_chain(conn)))


def _watches(stack: Stack, left_open: str, opened: datetime, credentials: tuple[str, str]) -> None:
    """The timer fires at its true time, and the sensor is known by what it was given before."""
    alert = until("D-03", lambda: stack.alerts(left_open, "D-03"), 60)[0]
    assert datetime.fromisoformat(alert["raised_at"]) == opened + DOORS_AFTER
    sensor = Device(stack.mqtt, *credentials)
    sensor.say({"type": "door.closed", "at": datetime.now(UTC).isoformat()})
    until("the closing clears it", lambda: stack.alerts(left_open, "D-03")[0]["condition"] == "cleared")
    sensor.close()
