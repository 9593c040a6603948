"""Plain values as JSON and back, without losing what JSON does not tell apart: tuples, sets, times, other keys."""

from datetime import date, datetime, time
from typing import Any

import numpy as np

from alerts.graph import NotCarried

_CONTAINERS: dict[str, type] = {"tuple": tuple, "list": list, "set": set, "frozenset": frozenset}
_TEXTS: dict[str, type[date | time]] = {"datetime": datetime, "date": date, "time": time}


def encoded(value: Any) -> Any:
    """What `json.dumps` takes. Raises `NotCarried`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = type(value).__name__
    if isinstance(value, dict):
        return {"dict": [[encoded(key), encoded(item)] for key, item in value.items()]}
    if kind in _CONTAINERS:
        return {kind: [encoded(item) for item in value]}
    if kind in _TEXTS:
        return {kind: value.isoformat()}
    if isinstance(value, tuple):
        return {"tuple": [encoded(item) for item in value]}  # one with names is equal to one without
    raise NotCarried(f"a {kind} cannot be kept in a checkpoint")


def decoded(value: Any) -> Any:
    """What was encoded. Raises `KeyError`, `ValueError` or `TypeError` for what no `encoded` gave."""
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "dict":
        return {decoded(key): decoded(item) for key, item in held}
    if kind in _TEXTS:
        return _TEXTS[kind].fromisoformat(held)
    return _CONTAINERS[kind](decoded(item) for item in held)
