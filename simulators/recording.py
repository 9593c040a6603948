"""Recordings: JSON Lines of when, on which topic, what was said (design, section 9)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from simulators.encoder import wire_time

LONGEST_TOPIC = 65_535  # MQTT 3.1.1, 1.5.3: a string's length is two bytes
_FORBIDDEN_IN_TOPIC = frozenset("+#\0")


class RecordingError(Exception):
    """A recording cannot be read; the message names file and line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One recorded message; `payload` holds the very bytes that go over MQTT."""

    at: datetime
    topic: str
    payload: bytes
    number: int = 0

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError("a line's time needs an offset")


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a whole recording holds: how many lines, and the earliest and the latest `at` (none where it is empty)."""

    lines: int
    first: datetime | None
    last: datetime | None


class _Wire(msgspec.Struct):
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    topic: str
    # Raw keeps the text of the value as it was recorded: 1.20 stays 1.20, thirty digits stay thirty digits.
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload_text: str | msgspec.UnsetType = msgspec.UNSET


_LONE_SURROGATES = b"\\ud"
_decoder = msgspec.json.Decoder(_Wire)


def read_recording(path: Path) -> Iterator[Line]:
    """Yield the lines in the order of the file, reading as they are asked for; blank lines are passed over."""
    try:
        with path.open("rb") as file:
            yield from _lines(file, path)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error


def survey(path: Path) -> Survey:
    """Read all of it once: a recording that is wrong anywhere is refused before any of it is used."""
    count, first, last = 0, None, None
    for line in read_recording(path):
        count += 1
        first = line.at if first is None else min(first, line.at)
        last = line.at if last is None else max(last, line.at)
    return Survey(lines=count, first=first, last=last)


def write_recording(file: BinaryIO, lines: Iterable[Line]) -> int:
    """Write the lines and return how many; a payload that is JSON stands as it is, any other as text."""
    count = 0
    for line in lines:
        file.write(encode_line(line) + b"\n")
        count += 1
    return count


def encode_line(line: Line) -> bytes:
    """One line without its end; RecordingError where the payload is neither JSON nor text."""
    head = f'{{"at":{json.dumps(wire_time(line.at))},"topic":{json.dumps(line.topic, ensure_ascii=False)},'
    if _is_one_line_of_json(line.payload):
        return head.encode() + b'"payload":' + line.payload + b"}"
    try:
        text = line.payload.decode()
    except UnicodeDecodeError as error:
        raise RecordingError(f"{line.topic}: a recording holds text, this payload is not UTF-8") from error
    return head.encode() + b'"payload_text":' + json.dumps(text, ensure_ascii=False).encode() + b"}"


def _lines(file: BinaryIO, path: Path) -> Iterator[Line]:
    for number, text in enumerate(file, start=1):
        if text.strip():
            yield _line(text, number, path)


def _line(text: bytes, number: int, path: Path) -> Line:
    try:
        text.decode()  # msgspec does not look into a Raw value
        wire = _wire(text)
        return Line(at=wire.at, topic=_checked_topic(wire.topic), payload=_payload(wire), number=number)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and msgspec's errors are ValueErrors
        raise RecordingError(f"{path}, line {number}: {error}") from error


def _wire(text: bytes) -> _Wire:
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        if _LONE_SURROGATES not in text.lower():
            raise
    return msgspec.convert(_with_lone_surrogates(text), _Wire)


def _with_lone_surrogates(text: bytes) -> object:
    """Read what JSON allows and msgspec does not; such a payload is written anew, its meaning unchanged."""
    document = json.loads(text, parse_constant=_refuse)
    if isinstance(document, dict) and "payload" in document:
        document["payload"] = msgspec.Raw(json.dumps(document["payload"], separators=(",", ":")).encode())
    return document


def _payload(wire: _Wire) -> bytes:
    if isinstance(wire.payload_text, str):
        if wire.payload is not msgspec.UNSET:
            raise ValueError("`payload` and `payload_text` are both given")
        return wire.payload_text.encode()
    if isinstance(wire.payload, msgspec.Raw):
        return bytes(wire.payload)
    raise ValueError("neither `payload` nor `payload_text` is given")


def _checked_topic(topic: str) -> str:
    if not topic or _FORBIDDEN_IN_TOPIC & set(topic) or len(topic.encode()) > LONGEST_TOPIC:
        raise ValueError(f"{topic[:80]!r} is no topic to publish on")
    return topic


def _is_one_line_of_json(payload: bytes) -> bool:
    if b"\n" in payload or b"\r" in payload:
        return False
    try:
        json.loads(payload.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
