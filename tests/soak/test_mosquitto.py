"""Debian's Mosquitto with deploy/mosquitto.conf, ports and paths adapted, as ingest's broker. Run by `scripts/soak`."""

import asyncio
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from store.pool import Pool
from tests.ingest_parts import count, publishing, register, rows, running_ingest, say, settings, settled, value
from tests.parts import free_port

MESSAGES = 1_000
CERTIFICATES = Path(__file__).parents[1] / "certificates"


def program() -> str:
    """The broker's program; as root it is installed where it lacks."""
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None:
        assert os.geteuid() == 0, "no Mosquitto here: apt-get install mosquitto"
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "mosquitto"], check=True)
    return str(shutil.which("mosquitto", path="/usr/sbin:/usr/bin"))


class Mosquitto:
    """The broker on loopback, with the users of deploy/mosquitto.acl; `kill` is SIGKILL."""

    def __init__(self, folder: Path, deploy: Path) -> None:
        self.port, self.tls_port = free_port(), free_port()
        self.password = secrets.token_hex(16)
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._write(folder, deploy)

    def url(self, user: str) -> str:
        return f"mqtt://{user}:{self.password}@127.0.0.1:{self.port}"

    def _write(self, folder: Path, deploy: Path) -> None:
        passwords, acl = folder / "passwords", folder / "acl"
        shutil.copy(deploy / "mosquitto.acl", acl)
        users = re.findall(r"^user (.*)$", acl.read_text("utf-8"), re.MULTILINE)
        passwords.write_text("".join(f"{user}:{self.password}\n" for user in users))
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
        config = (deploy / "mosquitto.conf").read_text("utf-8")
        for old, new in {
            "1883 127.0.0.1": f"{self.port} 127.0.0.1",
            "listener 8883": f"listener {self.tls_port} 127.0.0.1",
            "/var/lib/mosquitto/": f"{folder}/",
            "/etc/mosquitto/shouwang.passwords": str(passwords),
            "/etc/mosquitto/shouwang.acl": str(acl),
            "/etc/mosquitto/certs": str(folder),
        }.items():
            assert old in config, old
            config = config.replace(old, new)
        for file in CERTIFICATES.iterdir():
            shutil.copy(file, folder)
        self._config.write_text(config)
        if os.geteuid() == 0:
            for file in (folder, *folder.iterdir()):
                shutil.chown(file, "mosquitto")

    def start(self) -> None:
        self._process = subprocess.Popen([program(), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, "Mosquitto does not take its settings"
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(30)


@pytest.fixture
def mosquitto(project: Path) -> Iterator[Mosquitto]:
    program()
    with tempfile.TemporaryDirectory(prefix="sw-mosquitto-") as folder:
        Path(folder).chmod(0o755)
        broker = Mosquitto(Path(folder), project / "deploy")
        broker.start()
        yield broker
        broker.end()


async def _publish(client: aiomqtt.Client, first: int, number: int) -> None:
    for n in range(first, first + number, 200):
        await asyncio.gather(*(say(client, "h1/sos-1", payload=_event(k)) for k in range(n, n + 200)))


def _event(n: int) -> dict[str, object]:
    return {"type": "motion.detected", "id": f"m{n}", "seq": n, "boot": "b"}


async def test_nothing_is_lost_while_ingest_or_the_broker_is_away(mosquitto: Mosquitto, pool: Pool) -> None:
    """Its queue outlives ingest and, at an orderly end, the broker; every message is committed once."""
    await register(pool, "h1/sos-1")
    made = settings(mosquitto.url("ingest"), str(pool.conninfo))
    async with publishing(mosquitto.url("publisher")) as client:
        async with running_ingest(made) as ingest:
            await ingest.session()
            await _publish(client, 0, 200)
            await settled(ingest)
        # More than the thousand that Mosquitto holds by default.
        await _publish(client, 200, 6 * MESSAGES)
    mosquitto.end()
    mosquitto.start()
    async with running_ingest(made) as ingest, publishing(mosquitto.url("publisher")) as client:
        await ingest.session()
        await _publish(client, 200 + 6 * MESSAGES, MESSAGES)
        await count_until(pool, 200 + 7 * MESSAGES)
        await settled(ingest)
        await ingest.caught_up()
    assert await value(pool, "SELECT count(DISTINCT seq) FROM event") == 200 + 7 * MESSAGES
    assert await rows(pool, "SELECT seq FROM event GROUP BY seq HAVING count(*) > 1") == []


async def test_a_killed_broker_takes_little_along(mosquitto: Mosquitto, pool: Pool) -> None:
    """Killed, it is back with its session within seconds; what ingest had acknowledged is not asked for again."""
    await register(pool, "h1/sos-1")
    async with running_ingest(settings(mosquitto.url("ingest"), str(pool.conninfo))) as ingest:
        await ingest.session()
        async with publishing(mosquitto.url("publisher")) as client:
            await _publish(client, 0, MESSAGES)
        await count_until(pool, MESSAGES)
        mosquitto.end(signal.SIGKILL)
        mosquitto.start()
        async with publishing(mosquitto.url("publisher")) as client:
            await _publish(client, MESSAGES, MESSAGES)
        await count_until(pool, 2 * MESSAGES)
    assert await count(pool, "event") == 2 * MESSAGES


async def count_until(pool: Pool, wanted: int) -> None:
    async with asyncio.timeout(120):
        while not await count(pool, "event", at_least=wanted):  # noqa: ASYNC110 -- another process brings them
            await asyncio.sleep(0.05)


async def test_who_may_not_is_kept_out(mosquitto: Mosquitto, pool: Pool) -> None:
    """A wrong password is refused; the user of the watch process cannot publish an event."""
    with pytest.raises(aiomqtt.MqttError):
        async with publishing(f"mqtt://ingest:wrong@127.0.0.1:{mosquitto.port}"):
            pass
    await register(pool, "h1/sos-1")
    async with running_ingest(settings(mosquitto.url("ingest"), str(pool.conninfo))) as ingest:
        await ingest.session()
        async with publishing(mosquitto.url("watch")) as client:
            await say(client, "h1/sos-1", payload=_event(1))
        async with publishing(mosquitto.url("publisher")) as client:
            await say(client, "h1/sos-1", payload=_event(2))
        await count_until(pool, 1)
    assert await rows(pool, "SELECT seq FROM event") == [{"seq": 2}]
