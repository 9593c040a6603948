"""Playing a recording over a socket, to a broker that may be unkind."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from simulators.link import BadLink
from simulators.play import PlayError, play
from simulators.publisher import Patience
from simulators.recording import RecordingError
from tests.broker_stub import BrokerStub, broker_stub

pytestmark = pytest.mark.timeout(60)

FAST = 1e9


@pytest.fixture
async def stub() -> AsyncIterator[BrokerStub]:
    async with broker_stub() as running:
        yield running


def recording(tmp_path: Path, payloads: list[bytes], *, minutes: int = 10) -> Path:
    """Door events, some minutes apart."""
    file = tmp_path / "r.jsonl"
    with file.open("wb") as out:
        for k, payload in enumerate(payloads):
            at = datetime(2026, 3, 2, 8 + k * minutes // 60, k * minutes % 60, tzinfo=UTC).isoformat().encode()
            out.write(b'{"at":"%s","topic":"shouwang/v1/h/d/event","payload":%s}\n' % (at, payload))
    return file


async def test_payloads_arrive_in_order_and_unaltered(tmp_path: Path, stub: BrokerStub) -> None:
    """Every line comes once, at QoS 1, with its own bytes."""
    payloads = [b'{"n": %d, "value": 1.20}' % k for k in range(60)]
    result = await play(recording(tmp_path, payloads), mqtt_url=stub.url, speed=FAST)
    assert (result.messages, result.resent) == (60, 0)
    assert [message.payload for message in stub.published] == payloads
    assert {(message.qos, message.retain) for message in stub.published} == {(1, False)}


async def test_a_status_is_retained(tmp_path: Path, stub: BrokerStub) -> None:
    """`status` is the one channel whose last message a broker keeps."""
    file = tmp_path / "r.jsonl"
    file.write_text('{"at":"2026-03-02T08:00:00Z","topic":"shouwang/v1/h/d/status","payload_text":"offline"}\n')
    await play(file, mqtt_url=stub.url)
    assert [(m.payload, m.retain) for m in stub.published] == [(b"offline", True)]


async def test_what_was_not_acknowledged_is_sent_again(tmp_path: Path, stub: BrokerStub) -> None:
    """The connection is lost three times; nothing of the recording is, and its order of first arrival stays."""
    stub.hang_up = lambda number: number in {7, 30, 31}
    payloads = [b'{"n":%d}' % k for k in range(50)]
    result = await play(recording(tmp_path, payloads), mqtt_url=stub.url, speed=FAST)
    assert result.messages == 50
    assert result.resent > 0
    assert stub.connections == 4
    assert list(dict.fromkeys(m.payload for m in stub.published)) == payloads


async def test_speed_sets_the_pace(tmp_path: Path, stub: BrokerStub) -> None:
    """Three lines over 20 minutes, 4000 times faster, take 0.3 s."""
    before = time.monotonic()
    await play(recording(tmp_path, [b"1", b"2", b"3"]), mqtt_url=stub.url, speed=4000)
    assert 0.3 <= time.monotonic() - before < 3


async def test_rebase_brings_the_recording_to_now(tmp_path: Path, stub: BrokerStub) -> None:
    """The last event's device time is the time of its playing."""
    payloads = [b'{"at":"2026-03-02T08:%02d:00Z","boot":"b"}' % (10 * k) for k in range(3)]
    before = datetime.now(UTC)
    await play(recording(tmp_path, payloads), mqtt_url=stub.url, speed=FAST, rebase=True)
    times = [datetime.fromisoformat(json.loads(m.payload)["at"]) for m in stub.published]
    assert before.timestamp() - 1 <= times[-1].timestamp() <= datetime.now(UTC).timestamp()
    assert [(times[-1] - at).total_seconds() for at in times] == [1200, 600, 0]


async def test_a_broken_recording_is_refused_before_anything_is_sent(tmp_path: Path, stub: BrokerStub) -> None:
    """An error in the last line is told before the first line is published."""
    file = recording(tmp_path, [b"1", b"2"])
    file.write_bytes(file.read_bytes() + b"{}\n")
    with pytest.raises(RecordingError, match="line 3"):
        await play(file, mqtt_url=stub.url, speed=FAST)
    assert stub.connections == 0


async def test_nothing_to_play(tmp_path: Path, stub: BrokerStub) -> None:
    """An empty recording is played at once."""
    assert (await play(recording(tmp_path, []), mqtt_url=stub.url)).messages == 0


async def test_nobody_answers(tmp_path: Path, unused_port: int) -> None:
    """A broker that is not there is told in one sentence that names it."""
    with pytest.raises(PlayError, match=rf"no connection to the broker at 127.0.0.1:{unused_port}.*0 messages"):
        await play(recording(tmp_path, [b"1"]), mqtt_url=f"mqtt://127.0.0.1:{unused_port}")


@pytest.fixture
async def unused_port() -> int:
    async with broker_stub() as gone:
        return gone.port


async def test_wrong_credentials(tmp_path: Path, stub: BrokerStub) -> None:
    """A refusal is no reason to try for ever, and the password stays out of the message."""
    stub.refuse = lambda _: True
    with pytest.raises(PlayError, match="no connection") as told:
        await play(recording(tmp_path, [b"1"]), mqtt_url=stub.url)
    assert "secret" not in str(told.value)


async def test_a_message_that_the_broker_will_not_take(tmp_path: Path, stub: BrokerStub) -> None:
    """A broker that hangs up at one message again and again ends the playing, and the message is named."""
    stub.hang_up = lambda number: number >= 3
    patience = Patience(first=0, again=60, fruitless=3)
    with pytest.raises(PlayError, match=r"hung up 3 times in a row; 2 messages acknowledged.*one on .*/event, 7 bytes"):
        await play(
            recording(tmp_path, [b'{"n":%d}' % k for k in range(5)]), mqtt_url=stub.url, speed=FAST, patience=patience
        )


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
async def test_a_speed_that_gets_nowhere(tmp_path: Path, speed: float) -> None:
    """A speed must be above zero."""
    with pytest.raises(ValueError, match="above zero"):
        await play(recording(tmp_path, [b"1"]), mqtt_url="mqtt://localhost", speed=speed)


@pytest.mark.parametrize("url", ["localhost:1883", "http://h", "mqtt://", "mqtt://h:x", "mqtt://h:99999"])
async def test_an_url_that_is_none(tmp_path: Path, url: str) -> None:
    """What is no MQTT URL is refused with an example of one."""
    with pytest.raises(BadLink, match="mqtt://user"):
        await play(recording(tmp_path, [b"1"]), mqtt_url=url)


async def test_a_cancelled_play_leaves_no_connection(tmp_path: Path, stub: BrokerStub) -> None:
    """Interrupting a play that waits for its next line disconnects at once."""
    playing = asyncio.create_task(play(recording(tmp_path, [b"1", b"2"]), mqtt_url=stub.url))
    await stub.until(lambda: len(stub.published) == 1)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    await stub.until(lambda: not stub.clients)


async def test_a_play_that_is_cancelled_while_connecting(tmp_path: Path, stub: BrokerStub) -> None:
    """A connection that is granted after the cancel is ended again, not left behind."""
    stub.welcome = asyncio.Event()
    playing = asyncio.create_task(play(recording(tmp_path, [b"1", b"2"]), mqtt_url=stub.url))
    await stub.until(lambda: stub.knocked == 1)
    playing.cancel()
    stub.welcome.set()
    with pytest.raises(asyncio.CancelledError):
        await playing
    await stub.until(lambda: stub.connections == 1 and not stub.clients)
    assert stub.published == []


async def test_progress_is_shown_where_asked(tmp_path: Path, stub: BrokerStub) -> None:
    """A console gets a bar with the number of acknowledged messages."""
    console = Console(record=True, force_terminal=True, width=100, quiet=False, file=(tmp_path / "out").open("w"))
    try:
        await play(recording(tmp_path, [b"1"] * 5), mqtt_url=stub.url, speed=4000, console=console)
    finally:
        console.file.close()
    assert "acknowledged" in (tmp_path / "out").read_text()
