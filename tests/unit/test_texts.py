"""The catalogue of texts: whole, used, and matching the words of the contract."""

import re
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest

from alerts.findings import Change
from alerts.transitions import OUTCOMES, Reason
from api.texts import TextsError, load_texts
from devices.models import DeviceKind, PlaceKind, PlaceRole, Presence
from devices.types import EVENT_TYPES

API = Path(__file__).parents[2] / "api"
_KEY = re.compile(r'"([a-z]+\.(?!html")[A-Za-z0-9_]*[A-Za-z0-9])"')


def _sources() -> str:
    files = chain((API / "static").glob("*.js"), (API / "templates").glob("*.html"))
    return "\n".join(path.read_text() for path in files).replace("'", '"')


def test_every_text_that_a_page_names_is_in_the_catalogue() -> None:
    """No page can fail on a missing text."""
    entries = load_texts()["zh"].entries
    sections = {key.partition(".")[0] for key in entries}
    named = {key for key in _KEY.findall(_sources()) if key.partition(".")[0] in sections}
    assert named - set(entries) == set()


def test_every_text_is_used() -> None:
    """The catalogue holds no text that nothing says; those made from a code are looked for by the code alone."""
    sources = _sources()
    unused = [
        key for key in load_texts()["zh"].entries if f'"{key}"' not in sources and not _made_from_a_code(key, sources)
    ]
    assert unused == []


def _made_from_a_code(key: str, sources: str) -> bool:
    section, name = key.split(".", 1)
    if f"`{section}.$" in sources or f'"{section}", ' in sources:
        return True
    stem = name.rpartition("_")[0]
    return f"`{section}.{stem}_$" in sources or f'"{section}.{stem}_" ~' in sources or f'"{section}." ~' in sources


@pytest.mark.parametrize(
    ("section", "codes"),
    [
        ("event", EVENT_TYPES),
        ("outcome", OUTCOMES),
        ("device", get_args(DeviceKind)),
        ("place", get_args(PlaceKind) + get_args(PlaceRole)),
        ("presence", get_args(Presence)),
        ("change", [*Change, "claimed", "released", "note", "confirming"]),
        ("flag", ["delayed", "skewed", "test"]),
    ],
)
def test_every_code_has_its_words(section: str, codes: list[str]) -> None:
    """Whatever the contract may send is said in words in both languages."""
    for texts in load_texts().values():
        assert [code for code in codes if f"{section}.{code}" not in texts.entries] == []


def test_refusals_that_people_meet_have_words() -> None:
    """A refused act is explained in the reader's language; who holds it is told by name instead."""
    entries = load_texts()["zh"].entries
    met = {
        Reason.ALREADY_CLOSED, Reason.NOT_CLAIMED, Reason.NOT_CONFIRMING, Reason.SECOND_PERSON_NEEDED,
        Reason.OUTCOME_NEEDED, Reason.NOTE_NEEDED, Reason.ROLE_MAY_NOT,
    }  # fmt: skip
    assert [reason for reason in met if f"reason.{reason}" not in entries] == []


@pytest.mark.parametrize(
    ("catalogue", "complaint"),
    [
        ('[a]\nb = { zh = "一" }', "a.b: needs exactly zh and en"),
        ('[a]\nb = { zh = "一", en = " " }', "a.b: en is empty"),
        ('[a]\nb = { zh = "{n} 条", en = "some" }', "a.b: the languages fill in different names"),
        ('a = "b"', "[a] is no table"),
    ],
)
def test_an_incomplete_catalogue_is_refused(tmp_path: Path, catalogue: str, complaint: str) -> None:
    """A text that is missing, empty or different in one language stops the start, by its key."""
    path = tmp_path / "texts.toml"
    path.write_text(catalogue)
    with pytest.raises(TextsError) as refused:
        load_texts(path)
    assert str(refused.value) == complaint
