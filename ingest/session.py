"""The broker's side of ingest, behind one seam: paho, its socket and one network thread a session.

The thread is ours, not paho's: reading, the question which delivery is in flight, and PUBACKs happen in it one
after the other, so that no acknowledgement can slip onto a connection that a restarted broker has renumbered.
A connection is a new paho client; its number is the generation.
"""

import contextlib
import logging
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.address import BrokerAddress
from ingest.delivery import NO_TOPIC, Publish, Receipt
from ingest.marks import Outgoing
from ingest.wire import Client

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 10
CONNECT_SECONDS = 5.0
GRANT_SECONDS = 30.0
# Reconnects back off from the first to the second figure, with jitter.
BACKOFF_SECONDS = (0.1, 5.0)
# Another may hold the partition by now, under the same client id: each would end the other's connection. After
# DOUBT_SECONDS without a proof a connection that broke is taken up more slowly, after LOST_SECONDS not before a proof.
DOUBT_SECONDS, DOUBTFUL_PAUSE, LOST_SECONDS = 10.0, 3.0, 60.0
BURST_PACKETS = 1_000
REFUSED_FROM = 0x80

# Resumed: connected, to a session that the broker has kept.
Change = Literal["connected", "resumed", "granted", "lost", "ended"]


class Broker(Protocol):
    """What the service needs of a session with a broker."""

    def connect(self) -> None:
        """Start, and from now on reconnect until `disconnect`."""

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Acknowledge these deliveries, unless their connection is gone. Does not block."""

    def wake(self) -> None:
        """Have sent what the receiver has to send. Does not block."""

    def disconnect(self) -> None:
        """End the connection, not the session: the broker keeps what is not acknowledged. Returns when done."""


class Receiver(Protocol):
    """What is done with a session's messages, all of it in the network thread; nothing here may block."""

    def begin(self) -> int:
        """Start a new connection and return its generation."""

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return what to subscribe to, with QoS."""

    def granted(self) -> None:
        """Take note that every filter is subscribed."""

    def outgoing(self) -> Sequence[Outgoing]:
        """Return what is to be sent now on this connection."""

    def message(self, message: Publish) -> Receipt | None:
        """Take a message; a receipt that comes back is acknowledged at once."""

    def burst_ended(self) -> None:
        """Take note that no more can be read for the moment."""

    def settle(self, receipt: Receipt) -> bool:
        """Return whether the PUBACK may be sent."""

    def full(self) -> bool:
        """Whether so much is held that the connection must end for a while."""

    def relieved(self) -> bool:
        """Whether, once ended for fullness, the connection may come back."""


class Session:
    """One MQTT session. `changed` is called in the network thread.

    `doubt`, called there too: for how many seconds nothing has shown that this session is still ours to have.
    """

    def __init__(
        self,
        address: BrokerAddress,
        receiver: Receiver,
        *,
        client_id: str,
        clean: bool,
        name: str,
        changed: Callable[[Change], None],
        doubt: Callable[[], float],
    ) -> None:
        self._address = address
        self._receiver = receiver
        self._client_id = client_id
        self._clean = clean
        self._name = name
        self._changed = changed
        self._doubt = doubt
        self._receipts: deque[Sequence[Receipt]] = deque()
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        # No client id in the thread's name: it is a secret.
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{name}", daemon=True)
        self._packets = 0
        self._usable = True
        self._was_granted = False

    def connect(self) -> None:
        self._thread.start()

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        self._receipts.append(receipts)
        self.wake()

    def disconnect(self) -> None:
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._wake_read.close()
        self._wake_write.close()

    def wake(self) -> None:
        # A full pair means that the thread is about to wake anyway.
        with contextlib.suppress(BlockingIOError):
            self._wake_write.send(b"\0")

    # ---------------------------------------------------------------- in the network thread

    def _run(self) -> None:
        try:
            failures = 0
            while not self._stopping.is_set():
                self._was_granted = False
                self._attempt()
                failures = 0 if self._was_granted else failures + 1
                self._pause(failures)
        finally:
            self._changed("ended")

    def _attempt(self) -> None:
        try:
            client = self._connect()
        except OSError as error:
            log.info("the broker does not answer", extra={"session": self._name, "error": type(error).__name__})
            return
        try:
            self._serve(client)
        except (OSError, MQTTException) as error:
            log.warning("the connection to the broker broke", extra={"session": self._name, "error": str(error)})
        finally:
            self._close(client)
            self._changed("lost")

    def _pause(self, failures: int) -> None:
        first, longest = BACKOFF_SECONDS
        delay = min(longest, first * 2 ** min(failures, 16))
        if self._doubt() > DOUBT_SECONDS:
            delay = max(delay, DOUBTFUL_PAUSE)
        self._stopping.wait(delay * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter is no secret
        while self._must_stay_away() and not self._stopping.wait(0.1):
            pass

    def _must_stay_away(self) -> bool:
        return not self._receiver.relieved() or self._doubt() > LOST_SECONDS

    def _connect(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=self._clean,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if self._address.tls:
            client.tls_set_context(self._address.tls_context())
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        client.connect_timeout = CONNECT_SECONDS
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _userdata, message: self._read_by_paho(client, message)
        # With this set paho only queues what is to be written, and we write it after each round.
        client.on_socket_register_write = _leave_it_to_the_loop
        self._receipts.clear()
        self._usable = True
        self._receiver.begin()
        client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_SECONDS)
        return client

    def _serve(self, client: Client) -> None:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        grant_due = time.monotonic() + GRANT_SECONDS
        wire = client.wire
        while client.socket() is not None and self._usable and not self._stopping.is_set():
            poll.register(wire, select.POLLIN | (select.POLLOUT if client.want_write() or wire.unsent() else 0))
            poll.poll(0 if wire.pending() else 1000)
            self._drain_wakes()
            alive = self._read_burst(client) and self._write(client)
            if not alive or client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if not self._was_granted and time.monotonic() > grant_due:
                log.warning("the broker does not answer the subscription", extra={"session": self._name})
                return
            if self._receiver.full():
                log.warning("too much is held: disconnecting until it is written", extra={"session": self._name})
                return

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_read.recv(4096)

    def _read_burst(self, client: Client) -> bool:
        """Read what the socket has; return whether the connection still stands."""
        alive, straight = True, 0
        for _ in range(BURST_PACKETS):
            if (message := client.publish_read()) is not None:
                self._take(client, message)
                straight += 1
                continue
            before = self._packets
            alive = client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
            if not alive or self._packets == before:
                break
        if straight:
            client.heard()
        self._receiver.burst_ended()
        return alive

    def _write(self, client: Client) -> bool:
        while self._receipts:
            for receipt in self._receipts.popleft():
                if self._receiver.settle(receipt):
                    client.acknowledge(receipt.packet)
        for topic, payload, qos in self._receiver.outgoing():
            client.publish(topic, payload, qos)
        alive = not client.want_write() or client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS
        if client.wire.unsent():
            client.spoke()
            client.wire.flush()
        return alive

    def _close(self, client: Client) -> None:
        """Say goodbye if the connection still stands; a durable session stays with the broker."""
        with contextlib.suppress(OSError):
            if self._stopping.is_set() and client.is_connected():
                self._write(client)
            client.disconnect()
            client.loop_write()
        if (broker := client.socket()) is not None:
            broker.close()

    # ---------------------------------------------------------------- paho's callbacks

    def _on_connect(
        self, client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("the broker refuses us", extra={"session": self._name, "reason": str(reason)})
            self._usable = False
            return
        self._changed("resumed" if flags.session_present else "connected")
        log.info("connected to the broker", extra={"session": self._name, "resumed": flags.session_present})
        client.subscribe(list(self._receiver.filters()))

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _: Properties | None
    ) -> None:
        refused = [
            topic
            for (topic, _), reason in zip(self._receiver.filters(), reasons, strict=True)
            if reason.value >= REFUSED_FROM
        ]
        if refused:
            log.error("the broker refuses a subscription", extra={"session": self._name, "filters": refused})
            self._usable = False
            return
        self._was_granted = True
        self._changed("granted")
        self._receiver.granted()

    def _read_by_paho(self, client: Client, message: mqtt.MQTTMessage) -> None:
        """Take a message that came in pieces."""
        self._packets += 1
        told = Publish(_topic(message), bytes(message.payload), message.qos, message.mid, message.dup, message.retain)
        self._take(client, told)

    def _take(self, client: Client, message: Publish) -> None:
        receipt = self._receiver.message(message)
        if receipt is not None and self._receiver.settle(receipt):
            client.acknowledge(receipt.packet)


def _leave_it_to_the_loop(_client: mqtt.Client, _userdata: Any, _socket: Any) -> None:
    pass


def _topic(message: mqtt.MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return NO_TOPIC
