"""The pages' files: nothing inline, nothing from elsewhere, one truth for both dark themes."""

import re
from pathlib import Path

import pytest

API = Path(__file__).parents[2] / "api"
PAGES = sorted((API / "templates").iterdir())
STATICS = sorted((API / "static").iterdir())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_templates_carry_no_script_and_no_style(path: Path) -> None:
    """A strict content policy holds: scripts and styles are files, and only data stands in a page."""
    text = path.read_text()
    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
    scripts = re.findall(r"<script[^>]*>", text)
    assert [tag for tag in scripts if "src=" not in tag and 'type="application/json"' not in tag] == []


@pytest.mark.parametrize("path", PAGES + STATICS, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    """The desk runs on closed networks: no address of another host in any file but the names of formats."""
    hosts = set(re.findall(r"https?://[\w.]+", path.read_text()))
    assert hosts <= {"http://www.w3.org"}


@pytest.mark.parametrize("path", [p for p in STATICS if p.suffix == ".js"], ids=lambda path: path.name)
def test_modules_write_text_only(path: Path) -> None:
    """No module reads text as markup or as code."""
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text()
    )


def test_both_dark_themes_are_the_same() -> None:
    """Dark by preference and dark by choice have the same tokens."""
    text = (API / "static" / "tokens.css").read_text()
    preferred, chosen = re.findall(r"color-scheme: dark;(.*?)\}", text, re.DOTALL)
    assert preferred.split() == chosen.split()


@pytest.mark.parametrize("path", STATICS, ids=lambda path: path.name)
def test_no_file_outgrows_its_reader(path: Path) -> None:
    """Past 400 lines a file is split."""
    assert len(path.read_text().splitlines()) < 400


def test_every_style_sheet_and_module_is_reached() -> None:
    """What no page links and no module imports is dead."""
    texts = "\n".join(path.read_text() for path in PAGES + STATICS)
    for path in STATICS:
        used = f'"./{path.name}"' in texts or f"/{path.name}" in texts or f'"{path.stem}"' in texts
        assert used, path.name
