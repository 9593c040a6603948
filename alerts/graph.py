"""The state of an engine as leaves: its tables and plain values, found by walking its attributes.

Nothing has to be named here to be carried: what a rule adds is found. What cannot be carried is refused, unless its
class says in TRANSIENT that it is made anew; `restored`, where a class has it, is called once its leaves are filled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import numpy as np

from alerts.engine import Engine
from alerts.table import Journal, Table
from alerts.watch import Terms

# What belongs to every table and is no state of its own, or is carried with its columns.
_OF_TABLES = frozenset({"journal", "size", "_dirty", "fields", "saved"})
_ATOMS = (int, float, str, bytes, bool, date, time, np.generic, type(None))
_PLAIN = (*_ATOMS, dict, list, set, frozenset, tuple, np.ndarray)
_OURS = "alerts."


class NotCarried(TypeError):
    """A part of the state that a checkpoint cannot hold: a mistake of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A table, or a plain value that is an attribute of `owner`."""

    path: str
    owner: Any
    name: str
    value: Any

    def fill(self, value: Any) -> None:
        """Put a plain value in its place; a dict or list stays the object that others hold too."""
        if isinstance(self.value, dict):
            self.value.clear()
            self.value.update(value)
        elif isinstance(self.value, list):
            self.value[:] = value
        else:
            setattr(self.owner, self.name, value)


def leaves(engine: Engine) -> Iterator[Leaf]:
    """Every leaf once. Raises `NotCarried`."""
    for thing in _walk(engine, "", "", engine, set()):
        if isinstance(thing, Leaf):
            yield thing


def settle(engine: Engine) -> None:
    """Let everything make anew what was not carried."""
    for thing in list(_walk(engine, "", "", engine, set())):
        if hasattr(thing, "restored"):
            thing.restored()


def copied(value: Any) -> Any:
    """A copy that later changes do not reach; what cannot change is its own copy."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | set):
        return type(value)(copied(item) for item in value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _walk(owner: Any, path: str, name: str, value: Any, seen: set[int]) -> Iterator[Any]:
    """Every object of the state, and a `Leaf` for each table and plain value."""
    if isinstance(value, Journal | Terms):
        return  # the one holds no state, the other is carried as the rule's text
    if not isinstance(value, _ATOMS):
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, dict) and any(_is_object(item) for item in value.values()):
        for key, item in value.items():
            yield from _walk(value, f"{path}[{key}]", "", item, seen)
    elif _is_object(value):
        yield value
        if isinstance(value, Table):
            yield Leaf(path=path, owner=owner, name=name, value=value)
        for attribute, item in _attributes(value):
            yield from _walk(value, f"{path}.{attribute}", attribute, item, seen)
    elif isinstance(value, _PLAIN):
        yield Leaf(path=path, owner=owner, name=name, value=value)
    else:
        raise NotCarried(f"{path}: a {type(value).__name__} cannot be kept in a checkpoint")


def _is_object(value: Any) -> bool:
    return type(value).__module__.startswith(_OURS) and hasattr(value, "__dict__")


def _attributes(thing: Any) -> Iterator[tuple[str, Any]]:
    passed_over = set().union(*(vars(kind).get("TRANSIENT", ()) for kind in type(thing).__mro__))
    if isinstance(thing, Table):
        passed_over |= _OF_TABLES | set(thing.fields)
    for name, value in vars(thing).items():
        if name not in passed_over:
            yield name, value
