"""The embedded broker's configuration and its users file, as text."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import bcrypt

CHANNELS = ("event", "batch", "heartbeat", "status")
# Of 128 random bits nothing can be guessed, so the lowest cost is right and 10,000 reconnecting devices stay quick.
BCRYPT_COST = 4
USERS_FILE = "users.conf"


class DeviceLogin(Protocol):
    """What the broker must know of a device: `devices.credentials.BrokerUser`."""

    @property
    def username(self) -> str: ...
    @property
    def bcrypt(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def device(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceLogin:
    """A user of our own parts, with the subjects (NATS spelling) that it may use."""

    username: str
    password: str
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()


def server_config(*, host: str, port: int, store: str, sync_interval: str) -> str:
    """The server's configuration.

    NATS must have a client port of its own: it is a random one of the loopback interface, and no user may use it.
    ack_wait is the contract's: redelivery after 2 s. max_ack_pending is what ingest commits within that time also on a
    slow machine: with the 16384 that the broker would take, a backlog of 30,000 was redelivered one and a half times.
    4 MB lets a payload of 1 MiB through to the quarantine instead of cutting off its device.
    """
    return "\n".join(
        [
            'server_name: "shouwang"',
            'listen: "127.0.0.1:-1"',
            "max_payload: 4MB",
            f"jetstream {{ store_dir: {json.dumps(store)}, sync_interval: {json.dumps(sync_interval)} }}",
            f'mqtt {{ listen: {json.dumps(f"{host}:{port}")}, ack_wait: "2s", max_ack_pending: 4096 }}',
            f'authorization {{ timeout: 10, include "{USERS_FILE}" }}',
            "",
        ]
    )


def users_config(services: Iterable[ServiceLogin], devices: Iterable[DeviceLogin]) -> str:
    """The users file: a list that the configuration includes."""
    users = [_service(login) for login in services] + [_device(login) for login in devices]
    return "users: [\n" + ",\n".join(json.dumps(user) for user in users) + "\n]\n"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _service(login: ServiceLogin) -> dict[str, Any]:
    hashed = bcrypt.hashpw(login.password.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
    return _user(login.username, hashed, publish=login.publish, subscribe=login.subscribe)


def _device(login: DeviceLogin) -> dict[str, Any]:
    prefix = f"shouwang.v1.{login.site}.{login.device}"
    publish = tuple(f"{prefix}.{channel}" for channel in CHANNELS)
    return _user(login.username, login.bcrypt, publish=publish, subscribe=(f"{prefix}.command",))


def _user(name: str, hashed: str, *, publish: tuple[str, ...], subscribe: tuple[str, ...]) -> dict[str, Any]:
    return {
        "user": name,
        "password": hashed,
        "allowed_connection_types": ["MQTT"],
        "permissions": {"publish": _allowed(publish), "subscribe": _allowed(subscribe)},
    }


def _allowed(subjects: tuple[str, ...]) -> dict[str, list[str]]:
    # An empty list of allowed subjects would mean all of them.
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}
