"""The catalogue of everything the pages say, in Chinese and English."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Literal, get_args

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
CATALOGUE = Path(__file__).with_name("texts.toml")


class TextsError(Exception):
    """The catalogue is incomplete or malformed; the message names the key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """One language of the catalogue, keyed `section.name`."""

    language: Language
    entries: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its `{name}` filled in; KeyError where the catalogue has no such key."""
        return self.entries[key].format(**values)


def load_texts(path: Path = CATALOGUE) -> Mapping[Language, Texts]:
    """Read the catalogue; TextsError unless every text stands in both languages with the same `{name}` in both."""
    with path.open("rb") as file:
        sections = tomllib.load(file)
    entries = {
        f"{section}.{name}": _checked(f"{section}.{name}", text)
        for section, texts in sections.items()
        for name, text in _named(section, texts)
    }
    return MappingProxyType({language: _one(entries, language) for language in LANGUAGES})


def _named(section: str, texts: object) -> list[tuple[str, object]]:
    if not isinstance(texts, dict):
        raise TextsError(f"[{section}] is no table")
    return list(texts.items())


def _checked(key: str, text: object) -> Mapping[str, str]:
    if not isinstance(text, dict) or set(text) != set(LANGUAGES):
        raise TextsError(f"{key}: needs exactly {' and '.join(LANGUAGES)}")
    for language, words in text.items():
        if not isinstance(words, str) or not words.strip():
            raise TextsError(f"{key}: {language} is empty")
    first, *others = ({field for _, field, _, _ in Formatter().parse(words) if field} for words in text.values())
    if any(other != first for other in others):
        raise TextsError(f"{key}: the languages fill in different names")
    return text


def _one(entries: Mapping[str, Mapping[str, str]], language: Language) -> Texts:
    return Texts(language=language, entries=MappingProxyType({key: text[language] for key, text in entries.items()}))
