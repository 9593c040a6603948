"""What stands in the way of a backup, and of a restored directory: told in a sentence, and nothing half is left."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runtime.backup import back_up, restore
from runtime.errors import StartError, WrongUse
from store.errors import WrongVersion


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the server's own user may pass."""
    made = Path(tempfile.mkdtemp(prefix="sw-backup-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def backup(database_url: str, folder: Path) -> Path:
    back_up(database_url, folder / "backup")
    return folder / "backup"


def left(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_that_is_there_is_kept(backup: Path, database_url: str, folder: Path) -> None:
    """A backup never takes the place of another."""
    before = backup.read_bytes()
    with pytest.raises(WrongUse, match="is there already"):
        back_up(database_url, backup)
    assert (backup.read_bytes(), left(folder)) == (before, ["backup"])


def test_nowhere_to_write_to(database_url: str, folder: Path) -> None:
    """The folder of a backup must be there."""
    with pytest.raises(WrongUse, match="cannot be written"):
        back_up(database_url, folder / "none" / "backup")


def test_no_database(folder: Path) -> None:
    """A dump that fails leaves no file, and the password is not told."""
    with pytest.raises(StartError, match="pg_dump failed") as told:
        back_up("postgresql://nobody:hidden@127.0.0.1:1/none", folder / "backup")
    assert "hidden" not in str(told.value)
    assert left(folder) == []


def test_a_directory_in_use_is_left_alone(backup: Path, folder: Path) -> None:
    """What lies in it is not mixed with what is restored."""
    (folder / "used").mkdir()
    (folder / "used" / "something").touch()
    with pytest.raises(WrongUse, match="is not empty"):
        restore(backup, folder / "used")
    assert left(folder / "used") == ["something"]


def test_no_file(folder: Path) -> None:
    """It is named."""
    with pytest.raises(WrongUse, match="none cannot be used"):
        restore(folder / "none", folder / "new")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_half_a_backup_is_none(backup: Path, folder: Path, share: float) -> None:
    """A file that was cut off, or holds something else, makes no directory."""
    whole = backup.read_bytes()
    backup.write_bytes(whole[: int(len(whole) * share)] or b"no backup at all")
    with pytest.raises(StartError, match="pg_restore failed"):
        restore(backup, folder / "new")
    assert left(folder) == ["backup"]


def test_a_newer_program_s_backup(database_url: str, folder: Path) -> None:
    """It is told, and nothing is left that an older program would start."""
    with psycopg.connect(database_url) as conn:
        conn.execute("INSERT INTO schema_migration (version, name, checksum) VALUES (9999, 'later', 'x')")
    back_up(database_url, folder / "backup")
    with pytest.raises(WrongVersion, match="9999"):
        restore(folder / "backup", folder / "new")
    assert left(folder) == ["backup"]


def test_another_program_s_database(server_url: str, folder: Path) -> None:
    """A dump without our tables is no backup of ours."""
    back_up(server_url, folder / "backup")
    with pytest.raises(StartError, match="none of ours"):
        restore(folder / "backup", folder / "new")
    assert left(folder) == ["backup"]


def test_an_empty_directory_takes_it(backup: Path, folder: Path) -> None:
    """As an operator may have made it beforehand."""
    (folder / "new").mkdir()
    restore(backup, folder / "new")
    assert {"layout", "database", "secrets"} <= set(left(folder / "new"))
    assert left(folder) == ["backup", "new"]
