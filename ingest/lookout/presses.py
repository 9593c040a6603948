"""What counts as an emergency for those who listen beside ingest, and what is kept of it."""

from hashlib import blake2b, sha256

import msgspec

from devices.codec import BATCH_BYTES, Rejected, Undecodable, WireEvent, decode_batch, decode_event, parse_topic
from devices.columns import NO_TIME
from ingest.identity import digest, own_parts, payload_parts
from ingest.quarantine import PAYLOAD_BYTES

# What calls for somebody; that a call is over can wait for the database.
CALLS = ("sos.pressed", "fall.detected", "smoke.detected", "gas.detected")
_NAMES = tuple(call.encode() for call in CALLS)
# A JSON text may spell any letter as an escape.
_ESCAPE = b"\\u"


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """An emergency that was heard. Of the message it keeps what tells it from others, and no more.

    `key` names it between processes. `parts` is its identity within device and type, None where it has none. `at` is
    the device's time, NO_TIME where it gave none, or where the message could not be decoded (`readable` is false).
    `kept` are SHA-256 digests of what quarantine would hold of it. No row received before `since` can be it.
    Times are microseconds since the epoch.
    """

    key: str
    site: str
    device: str
    sender: str
    type: str
    at: int
    received_at: int
    since: int
    parts: tuple[str, ...] | None
    kept: tuple[str, ...]
    readable: bool

    @property
    def name(self) -> str:
        """`site/device`."""
        return f"{self.site}/{self.device}"

    @property
    def source(self) -> str:
        """`site/device` of the topic: of a batch the gateway."""
        return f"{self.site}/{self.sender}"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was heard; `whole` is false where only what matters of one too long to decode is here."""

    topic: str
    payload: bytes
    received_at: int
    since: int
    retained: bool = False
    whole: bool = True

    @classmethod
    def heard(cls, topic: str, payload: bytes, *, received_at: int, since: int, retained: bool) -> "Message":
        """Make one; of what is too long for the contract its beginning is kept and the emergencies that it names."""
        whole = len(payload) <= BATCH_BYTES
        if not whole:
            payload = payload[:PAYLOAD_BYTES] + b" ".join(name for name in _NAMES if name in payload)
        return cls(topic=topic, payload=payload, received_at=received_at, since=since, retained=retained, whole=whole)


def may_call(payload: bytes) -> bool:
    """Whether it is worth decoding; cheap, since this is asked of every message."""
    return any(name in payload for name in _NAMES) or _ESCAPE in payload


def presses_in(message: Message) -> list[Press]:
    """Return the emergencies of a message. One that cannot be decoded counts by the names that stand in its bytes."""
    if not may_call(message.payload):
        return []
    try:
        site, device, channel = parse_topic(message.topic)
    except Undecodable:
        return []
    made = _Maker(message, site, device)
    if not message.whole:
        return made.named(message.payload)
    try:
        items = decode_batch(message.payload) if channel == "batch" else [decode_event(message.payload)]
    except Undecodable:
        return made.named(message.payload)
    return [press for n, item in enumerate(items) for press in made.of(n, item)]


class _Maker:
    """Makes presses of one message."""

    def __init__(self, message: Message, site: str, sender: str) -> None:
        self._message = message
        self._site = site
        self._sender = sender
        self._digest = digest(message.payload)
        self._whole = _kept(message.payload)

    def of(self, n: int, item: WireEvent | Rejected) -> list[Press]:
        if isinstance(item, Rejected):
            return self.named(item.payload, n)
        if item.type not in CALLS:
            return []
        parts = own_parts(item)
        if parts is None and self._message.retained:
            parts = payload_parts(n, self._digest)
        return [self._press(item.type, n, device=item.device or self._sender, at=item.at, parts=parts)]

    def named(self, payload: bytes, n: int = 0) -> list[Press]:
        """The emergencies whose names stand somewhere in bytes that make no sense."""
        kinds = [call for call, name in zip(CALLS, _NAMES, strict=True) if name in payload]
        return [self._press(kind, n, device=self._sender, kept=_kept(payload)) for kind in kinds]

    def _press(
        self,
        kind: str,
        n: int,
        *,
        device: str,
        at: int = NO_TIME,
        parts: tuple[str, ...] | None = None,
        kept: str | None = None,
    ) -> Press:
        # Without identity each delivery is one more: the moment is in its name.
        alike = parts or (*payload_parts(n, self._digest), str(self._message.received_at))
        return Press(
            key=blake2b("\0".join((self._site, device, kind, *alike)).encode(), digest_size=16).hexdigest(),
            site=self._site,
            device=device,
            sender=self._sender,
            type=kind,
            at=at,
            received_at=self._message.received_at,
            since=self._message.since,
            parts=parts,
            kept=tuple({self._whole, kept or self._whole}),
            readable=kept is None,
        )


def _kept(payload: bytes) -> str:
    return sha256(payload[:PAYLOAD_BYTES]).hexdigest()
