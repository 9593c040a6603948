import re
from pathlib import Path

import pytest

from store.queries import BadQueryFile, load, parse


def test_statements_are_found_by_name() -> None:
    """A file's statements come out whole and apart."""
    found = parse("-- name: a\n-- Does a.\nSELECT 1\n\n-- name: b\n-- Does b.\nSELECT\n 2\n", "x.sql")
    assert found == {"a": b"SELECT 1", "b": b"SELECT\n 2"}


def test_a_name_without_a_description_is_refused() -> None:
    """An undescribed statement names its file."""
    with pytest.raises(BadQueryFile, match=r"x\.sql"):
        parse("-- name: a\nSELECT 1\n", "x.sql")


def test_the_rooms_files_load() -> None:
    """The store's own statements follow the form."""
    assert b"FOR UPDATE" in load("store")["lock_head"]


def test_each_advisory_lock_is_one_files_own(project: Path) -> None:
    """Two rooms that took the same number would wait for each other, for as long as the longer one holds it."""
    users: dict[str, set[str]] = {}
    for file in project.glob("*/sql/*.sql"):
        for number in re.findall(r"\b74210001\d{5}\b", file.read_text("utf-8")):
            users.setdefault(number, set()).add(file.relative_to(project).as_posix())
    assert len(users) >= 5
    assert {number: files for number, files in users.items() if len(files) > 1} == {}
