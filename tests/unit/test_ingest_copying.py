"""The bytes of COPY."""

import struct

from devices.columns import NO_TIME, empty
from ingest.copying import POSTGRES_EPOCH, copy_bytes


def test_rows_are_what_postgresql_reads() -> None:
    """Header, field count, each field behind its length in network order, detail as jsonb, trailer."""
    events = empty(2)
    events["position"] = [1, 2]
    events["received_at"] = POSTGRES_EPOCH + 5
    events["at"] = [NO_TIME, POSTGRES_EPOCH - 1]
    events["type"] = [3, 4]
    events["value"] = [1.5, 2.5]
    stream = copy_bytes(events, [b"{}", b'{"a":1}'])
    assert stream.startswith(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0")
    assert stream.endswith(b"\xff\xff")
    row = struct.Struct(">h iq iq iq iq ii ih id iq ii ih i")
    body = stream[19:-2]
    first = row.unpack(body[: row.size])
    assert first[:9] == (11, 8, 1, 8, 5, 8, NO_TIME, 8, -POSTGRES_EPOCH)
    assert first[-1] == 3
    assert body[row.size : row.size + 3] == b"\x01{}"
    second = row.unpack(body[row.size + 3 : 2 * row.size + 3])
    assert second[2] == 2
    assert second[6] == -1
    assert body.endswith(b'\x01{"a":1}')
