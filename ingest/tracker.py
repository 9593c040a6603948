"""Which deliveries are in flight: keyed by (connection generation, packet id), since a restarted broker renumbers.

Used by the network thread alone, the one that reads packets and sends acknowledgements: no message can come
between the question "is it still this delivery?" and the PUBACK.
"""

from itertools import count

# A redelivery that crossed our PUBACK was sent before the broker read it. A loaded broker, or a loaded ingest behind
# full sockets, makes that many seconds. What comes again later than this the broker holds for unacknowledged.
CROSSING_SECONDS = 30.0


class Tracker:
    """Packet ids of one connection at a time; what belongs to an older one is forgotten at `begin`."""

    def __init__(self, *, crossing: float = CROSSING_SECONDS) -> None:
        self.generation = 0
        self._crossing = crossing
        self._serials = count(1)
        self._in_flight: dict[int, tuple[int, int]] = {}
        # By packet id as well, of which there are 65,535: it needs no pruning.
        self._settled: dict[int, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._in_flight)

    def begin(self) -> int:
        """Start the next connection's generation and return it."""
        self.generation += 1
        self._in_flight.clear()
        self._settled.clear()
        return self.generation

    def arrived(self, packet: int, message: int, *, dup: bool, now: float) -> int | None:
        """Return the delivery's serial, or None for a redelivery of what is in flight or was just acknowledged.

        `message` is a hash of topic and payload: a broker that took our acknowledgement may use the packet id
        anew before we saw it done, and that is another message.
        """
        if dup and self._is_known(packet, message, now):
            return None
        serial = next(self._serials)
        self._in_flight[packet] = (serial, message)
        return serial

    def _is_known(self, packet: int, message: int, now: float) -> bool:
        flying = self._in_flight.get(packet)
        if flying is not None:
            return flying[1] == message
        settled = self._settled.get(packet)
        return settled is not None and settled[1] == message and now - settled[0] < self._crossing

    def settle(self, generation: int, packet: int, serial: int, *, now: float) -> bool:
        """Return whether the PUBACK may be sent: only for this very delivery, on the connection that brought it."""
        if generation != self.generation:
            return False
        flying = self._in_flight.get(packet)
        if flying is None or flying[0] != serial:
            return False
        del self._in_flight[packet]
        self._settled[packet] = (now, flying[1])
        return True
