"""The measuring instrument itself: what it sends, what it compares, what it prints. No figure is judged."""

import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from paho.mqtt.client import topic_matches_sub

from alerts.catalogue import load_catalogue
from devices.codec import decode_event
from devices.columns import boot_number
from devices.registry_file import read_registry
from devices.types import EVENT_TYPES
from runtime.bench.command import registry_rows, write_files
from runtime.bench.engine import bytes_per_device, columns_rate, tick, watched
from runtime.bench.feed import Feed
from runtime.bench.ingest import Lost, judge
from runtime.bench.mqtt import connect_packet, publish_packet
from runtime.bench.report import Report, number, parts_of
from runtime.bench.speech import Speech
from runtime.bench.world import KINDS, World
from runtime.commands.bench import bench
from runtime.errors import WrongUse
from simulators.recording import read_recording

WORLD = World(20)
KEYS = {
    "ingest_per_s", "press_to_feed_ms", "tick_ms", "backtest_events_per_s", "bytes_per_device", "start_s", "parts",
}  # fmt: skip


def rows(*found: tuple[int, int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array(found, np.int64)


SAID = np.array([2, 2], np.int64)


def test_what_was_said_and_is_there_is_no_error() -> None:
    """Every device's numbers once, from 1 on."""
    judge(SAID, rows((2, 2, 1, 2), (2, 2, 1, 2)))


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ((1, 1, 1, 1), "1 missing"),
        ((0, 0, 0, 0), "2 missing"),
        ((3, 2, 1, 2), "1 doubled"),
        ((2, 2, 2, 3), "1 devices not as they spoke"),
    ],
)
def test_what_differs_is_told(second: tuple[int, int, int, int], told: str) -> None:
    """A missing row, a doubled one, and one that nobody said, although the count is right."""
    with pytest.raises(Lost, match=told):
        judge(SAID, rows((2, 2, 1, 2), second))


def test_every_message_is_counted_by_its_device() -> None:
    """What each device said adds up to all, the first devices one more where a round is not full."""
    assert Speech(WORLD, 25, boot="b").said_by_each().tolist() == [2] * 5 + [1] * 15


def test_packets_are_what_the_codec_reads() -> None:
    """A packet is MQTT: its length, its topic, its number among those of its connection, an event that decodes."""
    packet = Speech(WORLD, 25, boot="b").packets(4)[22]
    assert (packet[0], packet[1]) == (0x32, len(packet) - 2)
    size = int.from_bytes(packet[2:4])
    assert packet[4 : 4 + size].decode() == "shouwang/v1/b-0/mag-1/event"
    assert int.from_bytes(packet[4 + size : 6 + size]) == 1 + 22 // 4
    event = decode_event(packet[6 + size :])
    assert (event.type, event.seq, event.boot) == ("door.closed", 2, "b")


def test_a_long_packet_has_a_long_length() -> None:
    """From 128 bytes on the length takes two, the low seven bits first."""
    packet = publish_packet(b"t", bytes(300), 1)
    assert packet[1] & 127 | packet[2] << 7 == len(packet) - 3
    assert connect_packet("c", "u", "p")[2:8] == b"\0\4MQTT"


def test_columns_are_the_messages_decoded() -> None:
    """Device, type, number and boot of the columns are those that the messages carry."""
    speech = Speech(WORLD, 45, boot="b")
    columns = speech.columns(begin=1_000, step=10)
    for k in (0, 2, 22, 44):
        event = decode_event(speech.payload(k % 20, k // 20, at=1).encode())
        assert columns["device"][k] == k % 20 + 1
        assert (columns["type"][k], columns["seq"][k]) == (EVENT_TYPES[event.type], event.seq)
    assert set(columns["boot"].tolist()) == {boot_number("b")}
    assert (columns["position"][-1], columns["received_at"][-1]) == (45, 1_440)


def test_the_recording_and_its_registry_can_be_read(tmp_path: Path) -> None:
    """The files for the command are ones that this program reads, their devices among those registered."""
    recording, registry = tmp_path / "r.jsonl", tmp_path / "r.toml"
    write_files(Speech(WORLD, 25, boot="b"), recording, registry)
    draft = read_registry(registry.read_text("utf-8"), file="r.toml")
    known = {f"shouwang/v1/{row.value.site}/{row.value.code}/event" for row in draft.rows["device"]}
    lines = list(read_recording(recording))
    assert len(lines) == 25
    assert {line.topic for line in lines} == known
    assert len(tomllib.loads("".join(registry_rows(WORLD)))["device"]) == 20


def test_the_engine_watches_what_it_is_measured_with() -> None:
    """All rules over all devices; every open door holds a deadline; bytes are counted."""
    subject = watched(WORLD)
    assert subject.engine.watches.keys() == {rule.code for rule in load_catalogue().values()}
    assert int(subject.engine.view.devices.present.sum()) == len(subject.directory) == 20
    assert tick(subject).deadlines > 0
    doors = subject.engine.watches["D-03"]
    assert int((doors.due[: doors.size] < np.iinfo(np.int64).max).sum()) == 4
    assert min(bytes_per_device(subject)) > 0


def test_columns_move_the_engine() -> None:
    """The events that are timed are taken in, and the clock with them."""
    subject = watched(WORLD)
    before = subject.engine.position
    assert columns_rate(subject, 500) > 0
    assert subject.engine.position == before + 500


def test_the_object_has_the_contract_s_keys() -> None:
    """Exactly these, also where nothing was measured."""
    document = Report().document(parts_of("1s", [(0.0, 0.0, 0.0)]))
    assert document.keys() == KEYS
    assert {"versions", "sync_interval", "cores", "load_average"} <= document["parts"].keys()
    assert msgspec.json.encode(document)
    assert (number(12_345.6), number(12.345)) == ("12,346", "12.3")


@pytest.mark.parametrize("only", ["speed", "tick,speed", ",", ""])
def test_an_unknown_subject_is_wrong_use(only: str) -> None:
    """Named, with those that there are."""
    with pytest.raises(WrongUse, match="choose among ingest"):
        bench(only=only)


def test_every_kind_says_types_of_the_contract() -> None:
    """No message that is measured raises an emergency."""
    assert all(name in EVENT_TYPES for kind in KINDS for name in kind.says)
    assert not topic_matches_sub("shouwang/v1/+/+/heartbeat", WORLD.topic(0))


class Lines:
    """An answer of the API that is over after its lines."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = list(lines)

    def readline(self) -> bytes:
        return self._lines.pop(0) if self._lines else b""


def test_the_feed_s_other_events_are_passed_over() -> None:
    """An event of another form neither counts nor ends the reading; only a raised S-01 is an arrival."""
    data = b'data: {"change":"%b","alert":{"site":"%b","rule":"%b"}}\n'
    feed = Feed(
        Lines(
            b": a comment\n", b"event: unrecorded\n", b'data: {"items":[]}\n', b"\n",
            b"event: alert\n", data % (b"cleared", b"b-1", b"S-01"), b"\n",
            b"event: alert\n", data % (b"raised", b"b-2", b"D-06"), b"\n",
            b"event: alert\n", data % (b"raised", b"b-3", b"S-01"), b"\n",
        )
    )  # fmt: skip
    feed.read()
    assert feed.arrived.keys() == {"b-3"}
