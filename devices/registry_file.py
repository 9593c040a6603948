"""Registry files: TOML with arrays `[[site]] [[place]] [[resident]] [[device]] [[contact]]`.

Keys are those of `devices.models`; only the code, the kind and what a row belongs to are required. A resident's
care record is a table `[resident.care]` or its four keys beside the others. Every problem of a file is found,
not only the first.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args
from zoneinfo import available_timezones

import msgspec

from devices.durations import BadDuration, parse_duration
from devices.models import CODE, FLAG, Care, Contact, Device, Model, Place, Resident, Site

TABLES: Mapping[str, type[Model]] = {
    "site": Site,
    "place": Place,
    "resident": Resident,
    "device": Device,
    "contact": Contact,
}
LONGEST_TEXT = 1000
_CODES = frozenset({"code", "id", "site", "place", "resident", "bed", "gateway"})
LARGEST_ORDER = 10_000
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_CARE_KEYS = frozenset(field.name for field in msgspec.structs.fields(Care))


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing wrong: in which file, table, row of that table (from 1; 0 where none) and key."""

    file: str
    table: str
    index: int
    key: str
    message: str

    def __str__(self) -> str:
        row = f" {self.index}" if self.index else ""
        where = f"[[{self.table}]]{row}" if self.table else ""
        return ": ".join(part for part in (self.file, where, self.key, self.message) if part)


class RegistryError(Exception):
    """Nothing of the file was taken; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Row:
    """A sound row and its number within its table."""

    index: int
    value: Any


class Draft:
    """The rows of a file as far as each is sound by itself, and what is wrong with the others."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        self.problems: list[Problem] = []
        # Rows that are named but broken: what refers to them has no problem of its own.
        self.broken: set[tuple[str, ...]] = set()

    def add(self, table: str, index: int, key: str, message: str) -> None:
        self.problems.append(Problem(file=self.file, table=table, index=index, key=key, message=message))


def read_registry(text: str, *, file: str) -> Draft:
    """Return the rows of a file, without looking at what they refer to."""
    draft = Draft(file)
    for table, rows in _tables(text, draft).items():
        if table not in TABLES:
            draft.add(table, 0, "", "no such table: site, place, resident, device and contact are known")
        elif not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            draft.add(table, 0, "", f"rows are written as [[{table}]]")
        else:
            for index, row in enumerate(rows, 1):
                read_row(draft, table, index, row)
    return draft


def _tables(text: str, draft: Draft) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        draft.add("", 0, "", "no TOML: nested too deep")
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        draft.add("", 0, "", f"no TOML: {error}")
    return {}


def read_row(draft: Draft, table: str, index: int, row: dict[str, Any]) -> None:
    """Add one row of a table to the draft: its values where it is sound, else everything that is wrong with it."""
    before = len(draft.problems)
    if table == "resident":
        row = _with_care(row)
    values = _typed(draft, table, index, row)
    for key, value in values.items():
        for message in _wrong(key, value):
            draft.add(table, index, key, message)
    if len(draft.problems) == before:
        draft.rows[table].append(Row(index, TABLES[table](**values)))
    else:
        draft.broken.add(_broken_name(table, row))


def _with_care(row: dict[str, Any]) -> dict[str, Any]:
    """Put flat keys of the care record into its table; a wrong table stays as it is, to be reported."""
    flat = {key: value for key, value in row.items() if key in _CARE_KEYS}
    care = row.get("care", {})
    if not flat or not isinstance(care, dict):
        return row
    return {key: value for key, value in row.items() if key not in flat} | {"care": flat | care}


def _typed(draft: Draft, table: str, index: int, row: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the keys that have the right type; report the others."""
    fields = _fields(table)
    values: dict[str, Any] = {}
    for key, value in row.items():
        if key not in fields:
            draft.add(table, index, key[:64], f"no such key: {', '.join(fields)} are known")
            continue
        try:
            values[key] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            draft.add(table, index, key, _plain(error, fields[key].type))
    for field in fields.values():
        if field.required and field.name not in row:
            draft.add(table, index, field.name, "is required")
    return values


@cache
def _fields(table: str) -> dict[str, msgspec.structs.FieldInfo]:
    # Asking msgspec anew for each row took half of the reading of a file.
    return {field.name: field for field in msgspec.structs.fields(TABLES[table])}


def _plain(error: msgspec.ValidationError, kind: Any) -> str:
    """Say the decoder's words without its marks; where there are choices, say them."""
    choices = [choice for option in (kind, *get_args(kind)) for choice in get_args(option) if isinstance(choice, str)]
    message = str(error).replace(" | null", "").replace("`", "").replace(" - at $", " at ")
    return f"{message}: {', '.join(choices)} are known" if choices else message


def _wrong(key: str, value: Any) -> list[str]:
    """Return what is wrong with a value of the right type."""
    if key in _CODES:
        return [] if value is None or CODE.fullmatch(value) else ["a code is 1 to 64 of A-Z a-z 0-9 _ -"]
    return _CHECKS.get(key, _wrong_texts)(value)


@cache
def _timezones() -> frozenset[str]:
    # Two names of the database are no place's zone: the server's own setting, and "not set".
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def _wrong_timezone(name: str) -> list[str]:
    return [] if name in _timezones() else ["no such IANA time zone"]


def _wrong_flags(flags: tuple[str, ...]) -> list[str]:
    return [f"{flag[:64]!r} is no flag: a word such as fall_risk" for flag in flags if not FLAG.fullmatch(flag)]


def _wrong_channels(words: tuple[str, ...]) -> list[str]:
    return [f"{word[:64]!r} is no channel: a word such as sms" for word in words if not _WORD.fullmatch(word)]


def _wrong_order(order: int) -> list[str]:
    return [] if 0 <= order <= LARGEST_ORDER else [f"an order is a number from 0 to {LARGEST_ORDER}"]


def _wrong_windows(windows: tuple[str, ...] | None) -> list[str]:
    return [problem for window in windows or () for problem in _wrong_window(window)]


def _wrong_window(window: str) -> list[str]:
    if not _WINDOW.fullmatch(window):
        return [f"{window[:64]!r} is no window: two local times such as 06:00-22:00"]
    start, end = window.split("-")
    return [f"{window!r} is empty: write 00:00-24:00 for the whole day"] if start == end else []


def _wrong_duration(text: str | None) -> list[str]:
    try:
        parse_duration(text or "0s")
    except BadDuration as error:
        return [str(error)]
    return []


def _wrong_texts(value: Any) -> list[str]:
    if isinstance(value, Care):
        texts = [value.medication_notes, value.key_notes, value.entry_notes]
        texts += [value.conditions] if isinstance(value.conditions, str) else value.conditions
    else:
        texts = [value] if isinstance(value, str) else []
    if any("\0" in text for text in texts):
        return ["holds the character U+0000"]
    return [f"longer than {LONGEST_TEXT} characters"] if any(len(text) > LONGEST_TEXT for text in texts) else []


def _broken_name(table: str, row: dict[str, Any]) -> tuple[str, ...]:
    code = str(row.get("id" if table == "contact" else "code"))
    return (table, str(row.get("site")), code) if table in ("place", "device") else (table, code)


_CHECKS: Mapping[str, Callable[[Any], list[str]]] = {
    "timezone": _wrong_timezone,
    "flags": _wrong_flags,
    "channels": _wrong_channels,
    "order": _wrong_order,
    "open_hours": _wrong_windows,
    "heartbeat": _wrong_duration,
}
