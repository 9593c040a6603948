"""What ingest must be told. `runtime` reads it from environment and files."""

from dataclasses import dataclass, field

from ingest.address import BrokerAddress
from ingest.batcher import BATCH_MESSAGES, LINGER_SECONDS
from ingest.receive import HELD_BYTES
from store.retention import Keep

# The embedded broker's; a broker that never redelivers on a standing connection does no harm by it.
ACK_WAIT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestSettings:
    """`client_id` is the durable session's: a secret of 128 bits, the same at every start."""

    broker: BrokerAddress
    client_id: str = field(repr=False)
    database_url: str = field(repr=False)
    ack_wait: float = ACK_WAIT_SECONDS
    held_bytes: int = HELD_BYTES
    linger: float = LINGER_SECONDS
    batch_messages: int = BATCH_MESSAGES
    keep: Keep = field(default_factory=Keep)
