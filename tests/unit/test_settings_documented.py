from pathlib import Path

from runtime.settings import Settings


def test_every_setting_is_documented(project: Path) -> None:
    """docs/settings.md names each key, and none that is not there."""
    rows = [line for line in (project / "docs" / "settings.md").read_text("utf-8").splitlines() if line[:3] == "| `"]
    named = {key.strip("` ") for row in rows for key in row.split("|")[1].split(",")}
    assert named == set(Settings.model_fields)
