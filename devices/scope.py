"""How far a principal's eyes reach. What lies outside does not exist for it."""

from typing import Any, ClassVar

import msgspec


class BadScope(ValueError):
    """The document says no scope: unknown words, wrong types, or nothing at all."""


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole district, or the union of streets, sites and residents by their codes."""

    DISTRICT: ClassVar["Scope"]

    district: bool = False
    streets: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    residents: tuple[str, ...] = ()

    @classmethod
    def parse(cls, document: Any) -> "Scope":
        """Return the scope that `document()` wrote; raises BadScope."""
        try:
            scope = msgspec.convert(document, cls)
        except msgspec.ValidationError as error:
            raise BadScope(str(error)) from None
        if scope == cls():
            raise BadScope("a scope names the district, streets, sites or residents")
        return scope

    @property
    def whole(self) -> bool:
        return self.district

    def document(self) -> dict[str, Any]:
        """Return the scope as JSON-ready values, without what it does not name."""
        if self.district:
            return {"district": True}
        named = {"streets": self.streets, "sites": self.sites, "residents": self.residents}
        return {name: list(codes) for name, codes in named.items() if codes}

    def params(self) -> dict[str, Any]:
        """Return the parameters `whole`, `streets`, `sites` and `residents` of every scoped query.

        The condition is written out in each: `whole` passes everything, otherwise a site by its street or
        code, and what belongs to a resident by the resident's code.
        """
        return {
            "whole": self.district,
            "streets": list(self.streets),
            "sites": list(self.sites),
            "residents": list(self.residents),
        }


Scope.DISTRICT = Scope(district=True)
