"""The embedded broker: NATS with MQTT on JetStream, durable, with users from a generated file."""

import asyncio
import logging
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from runtime.accounts import BROKER_USER, part_user, reaches
from runtime.broker_config import USERS_FILE, DeviceLogin, ServiceLogin, digest, server_config, users_config
from runtime.child import Command
from runtime.errors import StartError
from runtime.layout import DataDir, private_dir, write_private
from runtime.orphans import end_users_of
from runtime.programs import NATS, program, unreachable

log = logging.getLogger(__name__)

INGEST = "ingest"
PUBLISHER = "publisher"
WATCH = "watch"
_READY = "Server is ready"
_RELOADED = "Reloaded server configuration"
_RELOAD_FAILED = "Failed to reload server configuration"
_VIOLATION = re.compile(r' - "(?P<client>[^"]*)" - (?P<what>Publish|Subscription) Violation - Subject "')
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,64}:[A-Za-z0-9_-]{1,64}")


class Broker:
    """An embedded broker. `refused` hears of each denied publish: the device, or "other" for a strange client id."""

    name = "broker"

    def __init__(
        self,
        data: DataDir,
        *,
        host: str,
        port: int,
        sync_interval: str,
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._data = data
        self._host, self._port = host, port
        self._sync_interval = sync_interval
        self._refused = refused
        self._user = part_user(BROKER_USER)
        self._program = program(NATS, user=self._user, data=data)
        self._ready = asyncio.Event()
        self._client_id = data.secret("ingest-client-id")
        self._taken_up = asyncio.Event()
        self.reload_failed = False

    @property
    def client_id(self) -> str:
        """The client id of ingest's durable session: whoever knows it could end or read the session. Never logged."""
        return self._client_id

    def url(self, service: str) -> str:
        """The MQTT URL with the credentials of one of our services."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 -- compared, not bound
        host = f"[{host}]" if ":" in host else host
        return f"mqtt://{service}:{quote(self._data.secret(f'broker-{service}'))}@{host}:{self._port}"

    def prepare(self) -> None:
        """Write the configuration and, where it lacks or may not be used yet, the users file. Raises `StartError`."""
        private_dir(self._data.broker, user=self._user)
        if not reaches(self._user, self._data.broker):
            raise StartError(unreachable(self._data, self._user))
        private_dir(self._store, user=self._user)
        end_users_of(self._data.broker, self._program)
        config = server_config(
            host=self._host, port=self._port, store=str(self._store), sync_interval=self._sync_interval
        )
        write_private(self._config, config, user=self._user)
        if not self._users.exists() or not self.session_exists():
            self.write_users([])
        self._ready.clear()

    def command(self) -> Command:
        """How the server is run, in its own folder, with its log on a pipe to `on_line`."""
        argv = (str(self._program), "--config", str(self._config))
        return Command(name=self.name, argv=argv, user=self._user, piped=True, cwd=str(self._data.broker))

    def on_line(self, line: str) -> str:
        """Take a line of the server's log; return it without the client id of ingest's session."""
        if found := _VIOLATION.search(line):
            self._violation(found["client"], found["what"])
        elif line.endswith(_READY):
            self.reload_failed = False
            self._ready.set()
            self._taken_up.set()
        elif _RELOADED in line or _RELOAD_FAILED in line:
            self.reload_failed = _RELOAD_FAILED in line
            self._taken_up.set()
        return line.replace(self.client_id, "(ingest)")

    async def wait_ready(self) -> None:
        """Wait until the server has recovered its store and listens."""
        await self._ready.wait()

    def session_exists(self) -> bool:
        """Whether the store holds ingest's durable session; before that, what devices publish would be lost."""
        return self._marker.exists() and self._marker.read_text("ascii") == digest(self.client_id)

    def note_session(self) -> None:
        """Ingest's subscriptions were granted: from now on devices may be admitted."""
        write_private(self._marker, digest(self.client_id), user=self._user)

    def write_users(self, devices: Sequence[DeviceLogin]) -> None:
        """Replace the users file; the server takes it up by `reload` or at its next start."""
        services = [
            ServiceLogin(
                username=INGEST,
                password=self._data.secret(f"broker-{INGEST}"),
                # Its marks behind the backlog: no site can have this code.
                publish=tuple(f"shouwang.v1.~.ingest.{channel}" for channel in ("event", "batch", "status")),
                subscribe=("shouwang.v1.>",),
            ),
            ServiceLogin(
                username=PUBLISHER,
                password=self._data.secret(f"broker-{PUBLISHER}"),
                publish=("shouwang.v1.>",),
            ),
            ServiceLogin(
                username=WATCH,
                password=self._data.secret(f"broker-{WATCH}"),
                subscribe=tuple(f"shouwang.v1.*.*.{channel}" for channel in ("event", "batch")),
            ),
        ]
        write_private(self._users, users_config(services, devices), user=self._user)

    async def reload(self, send: Callable[[int], None]) -> bool:
        """Make the server read its users anew and wait until it did; False where it refused them.

        A server that is down takes them up when it is back, and this waits for it.
        """
        self._taken_up.clear()
        send(signal.SIGHUP)
        await self._taken_up.wait()
        return not self.reload_failed

    def _violation(self, client: str, what: str) -> None:
        # The log names the client id, which the device chose: only what looks like a device is repeated.
        device = client if _DEVICE.fullmatch(client) else "other"
        if what == "Publish":
            self._refused(device)
            log.warning("refused: a device published where it may not", extra={"device": device})
        else:
            log.warning("refused: a device subscribed where it may not", extra={"device": device})

    @property
    def _store(self) -> Path:
        return self._data.broker / "store"

    @property
    def _config(self) -> Path:
        return self._data.broker / "broker.conf"

    @property
    def _users(self) -> Path:
        return self._data.broker / USERS_FILE

    @property
    def _marker(self) -> Path:
        # Inside the store: who removes the store removes the session, and with it this.
        return self._store / "ingest-session"
