"""The embedded broker, with real MQTT: who may do what, and what outlives what."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from urllib.parse import unquote, urlsplit

import aiomqtt
import pytest

from runtime.pulse import Pulse
from tests.parts import Login, RunningBroker

FILTERS = ("event", "batch", "status")


def client(url: str, client_id: str, *, clean: bool = True) -> aiomqtt.Client:
    parts = urlsplit(url)
    return aiomqtt.Client(
        str(parts.hostname),
        port=parts.port or 0,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        identifier=client_id,
        clean_session=clean,
        timeout=10,
    )


def device(broker: RunningBroker, login: Login, *, client_id: str | None = None, clean: bool = True) -> aiomqtt.Client:
    return client(broker.device_url(login), client_id or login.username, clean=clean)


def topic(login: Login, channel: str = "event") -> str:
    return f"shouwang/v1/{login.site}/{login.device}/{channel}"


@asynccontextmanager
async def ingest(broker: RunningBroker) -> AsyncIterator[aiomqtt.Client]:
    """Ingest's durable session as the real one has it."""
    async with client(broker.url("ingest"), broker.part.client_id, clean=False) as session:
        await session.subscribe([(f"shouwang/v1/+/+/{channel}", 1) for channel in FILTERS])
        yield session


async def vanish(broker: RunningBroker, login: Login, *, will_topic: str) -> None:
    """Connect with a last will and cut the connection without a goodbye, as a device without power does."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2) + value.encode()

    # MQTT 3.1.1, section 3.1: clean session, a retained will at QoS 1, name and password.
    body = text("MQTT") + bytes([4, 0b1110_1110, 0, 60]) + text(login.username) + text(will_topic) + text("offline")
    body += text(login.username) + text(login.password)
    size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(b"\x10" + size + body)
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    writer.transport.abort()


async def take(session: aiomqtt.Client, count: int) -> list[aiomqtt.Message]:
    """The next messages of a session; fails where they do not come within 10 s."""
    got: list[aiomqtt.Message] = []
    async with asyncio.timeout(10):
        async for message in session.messages:
            got.append(message)
            if len(got) == count:
                return got
    raise AssertionError("unreachable: the messages never end by themselves")


async def line(broker: RunningBroker, pattern: str, *, times: int = 1) -> list[str]:
    """Wait until this many lines of the broker's log match."""
    async with asyncio.timeout(10):
        while len(found := [x for x in broker.lines if re.search(pattern, x)]) < times:
            await broker.said()
    return found


async def test_a_publish_under_another_topic_is_refused(broker: RunningBroker) -> None:
    """It is PUBACKed, never delivered, counted and named by its device."""
    sos, mag = await broker.add("h1:sos-1", "h1:mag-1")
    async with ingest(broker) as session, device(broker, mag) as bad:
        for channel in ("event", "batch", "status", "heartbeat"):
            await bad.publish(topic(sos, channel), b"evil", qos=1, retain=channel == "status")
        await bad.publish("$JS/API/STREAM/PURGE/$MQTT_msgs", b"", qos=1)
        await bad.publish(topic(mag), b"own", qos=1)
        assert [m.payload for m in await take(session, 1)] == [b"own"]
    await line(broker, "Publish Violation", times=5)
    assert broker.refused == ["h1:mag-1"] * 5
    async with ingest(broker) as session, device(broker, sos) as good:
        await good.publish(topic(sos), b"after", qos=1)
        # Nothing of it was kept either, not even as the last status.
        assert [m.payload for m in await take(session, 1)] == [b"after"]


async def test_a_last_will_is_held_to_the_same_topics(broker: RunningBroker) -> None:
    """A device cannot announce with its death that another is offline."""
    sos, mag = await broker.add("h1:sos-1", "h1:mag-1")
    async with ingest(broker) as session:
        await vanish(broker, mag, will_topic=topic(sos, "status"))
        await line(broker, r'Publish Violation - Subject "shouwang\.v1\.h1\.sos-1\.status"')
        await vanish(broker, mag, will_topic=topic(mag, "status"))
        (will,) = await take(session, 1)
    assert (str(will.topic), will.payload) == (topic(mag, "status"), b"offline")


@pytest.mark.parametrize("subscription", ["shouwang/v1/+/+/event", "shouwang/v1/h1/sos-1/command", "#", "$MQTT/sub/#"])
async def test_a_device_cannot_listen_to_others(broker: RunningBroker, subscription: str) -> None:
    """Every subscription besides its own commands is answered with a failure code."""
    mag, _ = await broker.add("h1:mag-1", "h1:sos-1")
    async with device(broker, mag) as bad:
        granted = await bad.subscribe(subscription, qos=1)
        assert [getattr(code, "value", code) for code in granted] == [0x80]
        own = await bad.subscribe(topic(mag, "command"), qos=1)
        assert [getattr(code, "value", code) for code in own] == [1]


@pytest.mark.parametrize("clean", [True, False])
async def test_a_guessed_client_id_harms_nobody(broker: RunningBroker, clean: bool) -> None:
    """A device under another's or a service's name takes no message from ingest and none of the other's away."""
    sos, mag = await broker.add("h1:sos-1", "h1:mag-1")
    async with ingest(broker):
        pass
    async with device(broker, sos) as good:
        for n in range(20):
            await good.publish(topic(sos), str(n), qos=1)
    for guess in ("ingest", "shouwang", "h1:sos-1", "up"):
        async with device(broker, mag, client_id=guess, clean=clean) as bad:
            await bad.subscribe([(f"shouwang/v1/+/+/{channel}", 1) for channel in FILTERS])
            await bad.publish(topic(sos), b"evil", qos=1)
    async with ingest(broker) as session, device(broker, sos) as good:
        await good.publish(topic(sos), b"last", qos=1)
        got = [bytes(m.payload) for m in await take(session, 21)]
    assert sorted(got) == sorted([str(n).encode() for n in range(20)] + [b"last"])


async def test_messages_outlive_a_kill(broker: RunningBroker) -> None:
    """What was acknowledged is there after SIGKILL, and devices log in with everything else down."""
    (sos,) = await broker.add("h1:sos-1")
    async with ingest(broker):
        pass
    async with device(broker, sos) as good:
        for n in range(50):
            await good.publish(topic(sos), str(n), qos=1)
    await broker.kill()
    await broker.start()
    async with device(broker, sos) as good:
        await good.publish(topic(sos), b"after", qos=1)
    async with ingest(broker) as session:
        got = {bytes(m.payload) for m in await take(session, 51)}
    assert got == {str(n).encode() for n in range(50)} | {b"after"}


async def test_a_status_is_retained(broker: RunningBroker) -> None:
    """Whoever subscribes later learns the last status, marked as retained."""
    (sos,) = await broker.add("h1:sos-1")
    async with device(broker, sos) as good:
        await good.publish(topic(sos, "status"), b"online", qos=1, retain=True)
    async with ingest(broker) as session:
        (status,) = await take(session, 1)
    assert (status.payload, status.retain) == (b"online", True)


async def test_a_payload_of_one_mebibyte_comes_through(broker: RunningBroker) -> None:
    """Too large for an event, but it is ingest that says so, in quarantine."""
    (sos,) = await broker.add("h1:sos-1")
    async with ingest(broker) as session, device(broker, sos) as good:
        await good.publish(topic(sos), b"x" * 2**20, qos=1)
        (message,) = await take(session, 1)
    assert len(bytes(message.payload)) == 2**20


async def test_new_users_disturb_nobody(broker: RunningBroker) -> None:
    """A reload lets in who is new and cuts off whose password changed; the others' connections stay."""
    (sos,) = await broker.add("h1:sos-1")
    mag = Login(site="h1", device="mag-1", password="a")
    async with ingest(broker) as session, device(broker, sos) as standing:
        await broker.admit(sos, mag)
        async with device(broker, mag) as new:
            await new.publish(topic(mag), b"new", qos=1)
        await broker.admit(sos, Login(site="h1", device="mag-1", password="b"))
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await device(broker, mag).__aenter__()
        await standing.publish(topic(sos), b"standing", qos=1)
        assert [m.payload for m in await take(session, 2)] == [b"new", b"standing"]


async def test_no_device_comes_in_before_ingest_has_its_session(broker: RunningBroker) -> None:
    """What devices publish then would be acknowledged and lost: they are let in when the session is noted."""
    sos = Login(site="h1", device="sos-1", password="a")
    broker.part.write_users([sos])
    await broker.kill()
    await broker.start()
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await device(broker, sos).__aenter__()
    await broker.admit(sos)
    await broker.kill()
    await broker.start()
    async with device(broker, sos) as good:
        await good.publish(topic(sos), b"now", qos=1)


async def test_the_session_id_is_never_logged(broker: RunningBroker) -> None:
    """Nothing that the broker says of ingest's session names its client id: who knows it could end the session."""
    async with ingest(broker), client(broker.url("ingest"), broker.part.client_id, clean=False) as second:
        granted = await second.subscribe("shouwang/v2/#", qos=1)
        assert [getattr(code, "value", code) for code in granted] == [0x80]
    await line(broker, r'"\(ingest\)".*Subscription Violation')
    assert not [x for x in broker.lines if broker.part.client_id in x]


async def test_only_mqtt_and_only_with_a_password(broker: RunningBroker) -> None:
    """The port that NATS needs for itself lets no device in, nor anybody without a name."""
    (sos,) = await broker.add("h1:sos-1")
    (found,) = await line(broker, r"Listening for client connections on 127\.0\.0\.1:\d+")
    port = int(found.rpartition(":")[2])
    for login in ({"user": sos.username, "pass": sos.password}, {}):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"CONNECT " + json.dumps({"verbose": False, **login}).encode() + b"\r\nPING\r\n")
        assert b"Authorization Violation" in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_the_publisher_plays_for_every_device(broker: RunningBroker) -> None:
    """The service user of `play` publishes everywhere below v1 and hears nothing."""
    await broker.add("h1:sos-1")
    async with ingest(broker) as session, client(broker.url("publisher"), "player") as player:
        await player.publish("shouwang/v1/h1/sos-1/event", b"played", qos=1)
        assert [m.payload for m in await take(session, 1)] == [b"played"]
        granted = await player.subscribe("shouwang/v1/h1/sos-1/event", qos=1)
        assert [getattr(code, "value", code) for code in granted] == [0x80]


async def test_a_broker_that_hangs_is_noticed(broker: RunningBroker) -> None:
    """A stopped process still has its port: the pulse asks for an answer, and comes back by itself."""
    assert broker.child is not None
    with closing(Pulse(broker.url("publisher"), patience=1.0)) as heart:
        assert await heart.beats()
        assert await heart.beats()
        broker.pause()
        assert not await heart.beats()
        assert not await heart.beats()
        broker.resume()
        async with asyncio.timeout(20):
            while not await heart.beats():
                pass
        await broker.kill()
        assert not await heart.beats()
        await broker.start()
        assert await heart.beats()
