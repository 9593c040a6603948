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
