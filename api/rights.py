"""Which role may do what. Where is the scope's matter: out of scope is 404, not 403."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Role = Literal["admin", "supervisor", "duty", "provider", "family", "bureau", "installer", "device"]


class Right(StrEnum):
    """What can be asked for. The value is said in the refusal."""

    SEE_ALERTS = "see alerts"
    HANDLE_ALERTS = "handle alerts"
    SEE_REGISTRY = "see sites, places and devices"
    SEE_RESIDENTS = "see residents"
    SEE_CARE = "see care records"
    SEE_CONTACTS = "see contacts"
    CHANGE_REGISTRY = "change sites, residents and contacts"
    CHANGE_DEVICES = "change places and devices"
    IMPORT_REGISTRY = "import the registry"
    ISSUE_CREDENTIALS = "issue device credentials"
    SEE_EVENTS = "see events"
    SEE_QUARANTINE = "see the quarantine"
    SEE_RULES = "see rules"
    CHANGE_RULES = "change rules"
    SEE_WATCH = "see the state of the watch"


_DESK = frozenset({"admin", "supervisor", "duty"})
_CARE = _DESK | {"provider"}

GRANTED: Mapping[Right, frozenset[str]] = MappingProxyType(
    {
        Right.SEE_ALERTS: _CARE | {"family", "bureau"},
        Right.HANDLE_ALERTS: _CARE,
        Right.SEE_REGISTRY: _CARE | {"family", "bureau", "installer"},
        Right.SEE_RESIDENTS: _CARE | {"family"},
        Right.SEE_CARE: _CARE,
        Right.SEE_CONTACTS: _CARE,
        Right.CHANGE_REGISTRY: frozenset({"admin", "supervisor"}),
        Right.CHANGE_DEVICES: frozenset({"admin", "supervisor", "installer"}),
        Right.IMPORT_REGISTRY: frozenset({"admin"}),
        Right.ISSUE_CREDENTIALS: frozenset({"admin", "installer"}),
        Right.SEE_EVENTS: _CARE | {"installer"},
        Right.SEE_QUARANTINE: frozenset({"admin", "supervisor", "installer"}),
        Right.SEE_RULES: _CARE | {"bureau", "installer"},
        Right.CHANGE_RULES: frozenset({"admin", "supervisor"}),
        Right.SEE_WATCH: _DESK,
    }
)

# What touches more than any scope narrower than the district can hold.
DISTRICT_ONLY: frozenset[Right] = frozenset({Right.IMPORT_REGISTRY, Right.CHANGE_RULES})
