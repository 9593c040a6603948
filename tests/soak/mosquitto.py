"""Debian's Mosquitto with deploy/mosquitto.conf and its users, on loopback, ports and paths adapted."""

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
from contextlib import contextmanager
from pathlib import Path

from tests.parts import free_port

CERTIFICATES = Path(__file__).parents[1] / "certificates"
ALL = "everything"
_DEVICE = """
user {user}
topic write shouwang/v1/{site}/{device}/event
topic write shouwang/v1/{site}/{device}/batch
topic write shouwang/v1/{site}/{device}/heartbeat
topic write shouwang/v1/{site}/{device}/status
"""


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
        # For `up`, which has one user for all that it does.
        with acl.open("a", encoding="utf-8") as users_file:
            users_file.write(f"\nuser {ALL}\ntopic readwrite shouwang/v1/#\n")
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

    def admit(self, site: str, device: str) -> tuple[str, str]:
        """A new device's user name and password, as docs/operations.md has it done."""
        folder, user, password = self._config.parent, f"{site}.{device}", secrets.token_hex(16)
        subprocess.run(["mosquitto_passwd", "-b", str(folder / "passwords"), user, password], check=True)
        if os.geteuid() == 0:
            shutil.chown(folder / "passwords", "mosquitto")
        with (folder / "acl").open("a", encoding="utf-8") as file:
            file.write(_DEVICE.format(user=user, site=site, device=device))
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        return user, password


@contextmanager
def running_mosquitto(deploy: Path) -> Iterator[Mosquitto]:
    """A running broker, which is gone afterwards."""
    program()
    with tempfile.TemporaryDirectory(prefix="sw-mosquitto-") as folder:
        Path(folder).chmod(0o755)
        broker = Mosquitto(Path(folder), deploy)
        broker.start()
        try:
            yield broker
        finally:
            broker.end()
