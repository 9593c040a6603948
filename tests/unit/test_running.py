"""Where the parts are, as `up` has noted it."""

from pathlib import Path

import pytest

from runtime.errors import StartError
from runtime.running import find
from runtime.settings import Settings


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"database_url": "x"}'])
def test_a_note_of_another_version_is_told_with_a_remedy(tmp_path: Path, text: str) -> None:
    """An `up` of before an upgrade may still run, and a disk may have cut its note short."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "parts.json").write_text(text)
    with pytest.raises(StartError, match="another version"):
        find(Settings(data=tmp_path))


def test_without_a_note_nothing_runs(tmp_path: Path) -> None:
    """An empty directory is no error."""
    assert find(Settings(data=tmp_path)) is None
