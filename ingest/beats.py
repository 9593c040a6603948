"""Heartbeats on their way into the devices' states: beside the log, outside of its guarantees."""

from devices.codec import Undecodable, decode_heartbeat
from ingest.decode import Beaten
from ingest.delivery import Delivery
from ingest.holding import Holding
from ingest.quarantine import Refusal
from ingest.receive import BeatReceiver

STRAYS_HELD = 10_000


class Beats:
    """Decoded in place; what is wrong with one goes the way of messages, to the quarantine: that is a stray."""

    def __init__(self, receiver: BeatReceiver, holding: Holding) -> None:
        self._receiver = receiver
        self._holding = holding
        self._strays: list[Delivery] = []

    def take_strays(self) -> list[Delivery]:
        """Return the strays since the last time."""
        strays, self._strays = self._strays, []
        return strays

    def note(self) -> None:
        """Take in what has come since the last time."""
        beaten = []
        decoder = self._holding.decoder
        for beat in self._receiver.take():
            route = decoder.route(beat.topic)
            try:
                if not isinstance(route, Refusal):
                    beaten.append(Beaten(route.device, beat.received_at, decode_heartbeat(beat.payload)))
                    continue
            except Undecodable:
                pass
            if len(self._strays) < STRAYS_HELD:
                self._strays.append(Delivery(beat.received_at, beat.topic, beat.payload))
        self._holding.liveness.beat(beaten)
