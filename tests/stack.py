"""The whole stack as its users run it: `shouwang up` as a process, its commands, MQTT and HTTP."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from runtime.child import MARKER
from tests.parts import free_port
from tests.waiting import until

UP_WITHIN = 120.0  # seconds: several stacks may start at once on two cores


# Beyond this a slow answer is taken for what it is.
MOST_CROWDED = 4.0


def crowding() -> float:
    """How many times as long as its own work a process takes here now: 1 on a machine at rest.

    What is promised in seconds is promised of such a machine; tests run several stacks at once.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-c", "import runtime.wiring"], check=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return min(MOST_CROWDED, max(1.0, took / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)))


class Device:
    """A device's own MQTT session, with its own credentials; its client id is its user name."""

    def __init__(
        self, port: int, username: str, password: str, *, client_id: str | None = None, clean: bool = True
    ) -> None:
        name = username if client_id is None else client_id
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, name, clean_session=clean)
        self.client.username_pw_set(username, password)
        self.client.max_inflight_messages_set(1000)
        self.client.max_queued_messages_set(0)
        self.site, _, self.code = username.partition(":")
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(
        self, payload: object, *, channel: str = "event", device: str = "", topic: str = ""
    ) -> mqtt.MQTTMessageInfo:
        """At QoS 1; what is not bytes is sent as JSON."""
        topic = topic or f"shouwang/v1/{self.site}/{device or self.code}/{channel}"
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.client.publish(topic, data, qos=1, retain=channel == "status")

    def say(self, payload: object, **where: str) -> None:
        """Publish and wait for the acknowledgement."""
        until("acknowledgement by the broker", self.publish(payload, **where).is_published)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Stack:
    """`shouwang up` on a data directory of its own."""

    def __init__(self, data: Path) -> None:
        self.data, self.log = data, data.parent / f"{data.name}.log"
        self.http, self.mqtt = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.http}", timeout=30)
        self._devices: list[Device] = []

    def up(self, *options: str) -> None:
        """Start, and wait until it is ready."""
        ports = ("--http", str(self.http), "--mqtt", str(self.mqtt))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*SHOUWANG, "up", "--data", str(self.data), *ports, *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until("the stack is ready", self._ready, UP_WITHIN)
        if not self.token:
            self.token = self.command("token", "issue", "--role", "admin", "--data", str(self.data)).strip()

    def command(self, *arguments: str, fails: int = 0) -> str:
        """The output of a command that ends with the exit code `fails`."""
        done = subprocess.run([*SHOUWANG, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == fails, done.stderr
        return done.stdout if fails == 0 else done.stderr

    def request(self, method: str, path: str, *, token: str = "", **body: Any) -> httpx.Response:
        return self.client.request(
            method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token or self.token}"}, **body
        )

    def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        found: list[dict[str, Any]] = []
        params = {"limit": "500"}
        while True:
            answer = self.request("GET", path, params=httpx.URL(path).params.merge(params))
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["items"]
            if page["next"] is None:
                return found
            params["cursor"] = page["next"]

    def alerts(self, site: str, rule: str) -> list[dict[str, Any]]:
        return [alert for alert in self.all(f"/alerts?site={site}") if alert["rule"] == rule]

    def quarantined(self, site: str) -> list[dict[str, Any]]:
        return [held for held in self.all("/quarantine") if held["topic"].startswith(f"shouwang/v1/{site}/")]

    def register(self, toml: str) -> None:
        answer = self.import_registry(toml)
        assert answer.status_code == 200, answer.text

    def import_registry(self, toml: str | bytes) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/toml"}
        return self.client.post("/api/v1/registry/import", content=toml, headers=headers)

    def credentials(self, site: str, device: str) -> tuple[str, str]:
        answer = self.request("POST", f"/sites/{site}/devices/{device}/credentials")
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["username"], answer.json()["password"]

    def device(self, site: str, device: str) -> Device:
        """A connected device, with new credentials."""
        login = Device(self.mqtt, *self.credentials(site, device))
        self._devices.append(login)
        until("a device connects with its credentials", login.client.is_connected)
        return login

    @contextmanager
    def intruder(self, site: str, device: str, *, client_id: str, clean: bool) -> Iterator[mqtt.Client]:
        """A client with a device's credentials that gives another client id, tried or refused."""
        client = Device(self.mqtt, *self.credentials(site, device), client_id=client_id, clean=clean)
        try:
            yield client.client
        finally:
            client.close()

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 while nothing was counted."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)

    def pid_of(self, part: str) -> int:
        """The process of one of our own parts; 0 while it does not run."""
        for process in self.processes():
            with suppress(psutil.Error):
                if process.cmdline()[-2:] == ["runtime.part", part]:
                    return process.pid
        return 0

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to this data directory, `up` included."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARKER) == str(self.data) or str(self.data) in process.cmdline():
                    found.append(process)
        return found

    def kill(self, *, everything: bool = True) -> None:
        """SIGKILL of every process of the stack, or of `up` alone, which leaves what it started."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        while everything and (processes := self.processes()):
            for process in processes:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(processes, timeout=1)

    def pause(self) -> None:
        """Stop `up` itself, so that nobody starts what ends, until `resume`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def down(self) -> None:
        for device in self._devices:
            device.close()
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.resume()
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        self.kill()

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        with suppress(httpx.TransportError):
            return self.client.get("/readyz").status_code == 200
        return False


SHOUWANG = (sys.executable, "-m", "runtime")


@contextmanager
def running_stack(*options: str) -> Iterator[Stack]:
    """A ready stack, which is gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="sw-stack-"))
    data.chmod(0o711 if os.geteuid() == 0 else 0o700)
    stack = Stack(data)
    try:
        stack.up(*options)
        yield stack
    finally:
        stack.down()
        stack.log.unlink(missing_ok=True)
        shutil.rmtree(data, ignore_errors=True)


def homes(*sites: str) -> str:
    return "\n".join(home(site) for site in sites)


def home(site: str) -> str:
    """The registry of a home: a resident with a button, a front door with a sensor, a gateway with a bed mat."""
    return HOME.replace("$site", site)


HOME = """
[[site]]
code = "$site"
kind = "home"
name = "$site"
street = "street-1"
timezone = "Asia/Shanghai"
[[place]]
site = "$site"
code = "door-1"
kind = "door"
role = "exit"
[[place]]
site = "$site"
code = "bed-1"
kind = "bed"
[[resident]]
code = "$site-r"
site = "$site"
name = "somebody"
[[device]]
site = "$site"
code = "sos-1"
kind = "sos_button"
resident = "$site-r"
power = "battery"
[[device]]
site = "$site"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
power = "battery"
[[device]]
site = "$site"
code = "gw-1"
kind = "gateway"
power = "mains"
[[device]]
site = "$site"
code = "mat-1"
kind = "bed_sensor"
place = "bed-1"
gateway = "gw-1"
power = "mains"
"""
