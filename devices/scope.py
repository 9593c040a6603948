"""Which part of the district a caller may know of; what lies outside does not exist for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from devices.models import CODE

_LONGEST_STREET = 200


class BadScope(ValueError):
    """The document is no scope; the message says what one looks like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """The whole district, or the union of streets, sites and residents. An empty union holds nothing.

    A query is scoped by `params()` and this condition, over a site `s` and the resident (or null) `r`:
    `(%(whole)s OR s.street = ANY(%(streets)s) OR s.code = ANY(%(sites)s) OR r.code = ANY(%(residents)s))`
    """

    whole: bool = False
    streets: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    residents: tuple[str, ...] = ()

    DISTRICT: ClassVar["Scope"]

    @classmethod
    def parse(cls, document: object) -> "Scope":
        """Read a scope as stored. Raises `BadScope`.

        It is `{"district": true}`, or an object with lists of `streets`, `sites`, `residents`.
        """
        if not isinstance(document, Mapping):
            raise BadScope("a scope is an object")
        if document == {"district": True}:
            return cls.DISTRICT
        if unknown := sorted(set(document) - {"streets", "sites", "residents"}):
            raise BadScope(f"{unknown[0]!r} is no kind of scope: district, streets, sites or residents")
        return cls(
            streets=_texts(document, "streets"),
            sites=_codes(document, "sites"),
            residents=_codes(document, "residents"),
        )

    def document(self) -> dict[str, Any]:
        """Return it as it is stored and shown."""
        if self.whole:
            return {"district": True}
        parts = {"streets": self.streets, "sites": self.sites, "residents": self.residents}
        return {kind: list(names) for kind, names in parts.items() if names}

    def params(self) -> dict[str, Any]:
        """Return the parameters of the condition above."""
        return {
            "whole": self.whole,
            "streets": list(self.streets),
            "sites": list(self.sites),
            "residents": list(self.residents),
        }

    def holds(self, *, site: str, street: str, resident: str | None) -> bool:
        """Say the same as the condition above, of one site and the resident concerned."""
        return self.whole or street in self.streets or site in self.sites or resident in self.residents


Scope.DISTRICT = Scope(whole=True)


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = document.get(key, [])
    if not isinstance(names, list) or not all(
        isinstance(name, str) and 0 < len(name) <= _LONGEST_STREET and "\0" not in name for name in names
    ):
        raise BadScope(f"{key} is a list of names")
    return tuple(names)


def _codes(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    codes = _texts(document, key)
    for code in codes:
        if not CODE.fullmatch(code):
            raise BadScope(f"{key}: {code!r} is no code")
    return codes
