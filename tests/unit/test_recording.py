"""Reading and writing recordings."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.recording import Line, RecordingError, encode_line, read_recording, survey, write_recording

HEAD = b'{"at":"2026-11-23T02:10:00+08:00","topic":"shouwang/v1/h/d/event",'
AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "r.jsonl"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"x","value":1.20,"seq":123456789012345678901234567890}',
        b'{ "type" : "x" , "type":"y" }',
        b'{"type":"\\u0000 \xe9\x97\xa8"}',
        b"[1.0,1e2,-0]",
        b'"online"',
        b"null",
    ],
)
def test_a_payload_keeps_its_bytes(file: Path, payload: bytes) -> None:
    """Numbers, doubled keys, spaces and escapes arrive as they were recorded."""
    file.write_bytes(HEAD + b'"payload":' + payload + b"}\n")
    assert [line.payload for line in read_recording(file)] == [payload]


def test_half_a_surrogate_pair(file: Path) -> None:
    """What JSON allows and some decoders refuse is read, with its meaning."""
    payload = b'{"type":"\\ud800","seq":123456789012345678901234567890,"value":1.2}'
    file.write_bytes(HEAD + b'"payload":' + payload + b"}\n")
    assert [line.payload for line in read_recording(file)] == [payload]


def test_text_that_is_not_json(file: Path) -> None:
    """`payload_text` is sent as its own UTF-8 bytes, without quotes."""
    file.write_bytes(HEAD + '"payload_text":"离线\\n"}'.encode())
    assert [line.payload for line in read_recording(file)] == ["离线\n".encode()]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (HEAD + b'"payload":{"a":}}', "malformed"),
        (HEAD + b'"payload":1,"payload_text":"1"}', "both"),
        (HEAD + b'"other":1}', "neither"),
        (HEAD + b'"payload":"\xff"}', "utf-8"),
        (b'{"at":"2026-11-23T02:10:00","topic":"t","payload":1}', "timezone"),
        (b'{"at":5,"topic":"t","payload":1}', "at"),
        (b'{"at":"2026-11-23T02:10:00Z","payload":1}', "topic"),
        (b'{"at":"2026-11-23T02:10:00Z","topic":"a/#","payload":1}', "publish"),
        (b'{"at":"2026-11-23T02:10:00Z","topic":"","payload":1}', "publish"),
        (HEAD + b'"payload":' + b"[" * 100_000, "recursion|truncated"),
    ],
)
def test_an_error_names_file_and_line(file: Path, line: bytes, says: str) -> None:
    """Whatever is wrong with a line, the message says where it stands."""
    file.write_bytes(HEAD + b'"payload":1}\n\n' + line + b"\n")
    with pytest.raises(RecordingError, match=rf"(?i){file}, line 3: .*({says})"):
        survey(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is told in one sentence."""
    with pytest.raises(RecordingError, match=r"absent: No such file"):
        survey(tmp_path / "absent")


def test_a_survey_counts_and_finds_the_ends(file: Path) -> None:
    """Blank lines do not count, and the first line need not be the earliest."""
    later = HEAD.replace(b"02:10", b"02:20")
    file.write_bytes(later + b'"payload":1}\n\n' + HEAD + b'"payload":2}')
    known = survey(file)
    assert known.lines == 2
    assert known.first is not None
    assert known.last is not None
    assert (known.last - known.first).total_seconds() == 600


@pytest.mark.parametrize("payload", [b'{"a":1.20}', b"NaN", b"offline", b'{\n"a":1}', b"", b'{"a":', "离".encode()])
def test_what_is_written_is_read_back(file: Path, payload: bytes) -> None:
    """Any text payload survives the way into a recording and out of it."""
    line = Line(at=AT, topic="shouwang/v1/h/d/event", payload=payload)
    with file.open("wb") as out:
        assert write_recording(out, [line, line]) == 2
    assert [(read.at, read.topic, read.payload) for read in read_recording(file)] == [(AT, line.topic, payload)] * 2


def test_bytes_that_are_no_text_are_refused() -> None:
    """A recording holds text; a payload of raw bytes is refused, not bent."""
    with pytest.raises(RecordingError, match="UTF-8"):
        encode_line(Line(at=AT, topic="t", payload=b"\xff"))
    assert write_recording(io.BytesIO(), []) == 0
