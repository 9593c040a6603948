"""Struct of arrays: one numpy column a field, one row a thing, and a journal that takes changes back."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]
I8 = NDArray[np.int8]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]

Fields = Mapping[str, tuple[Any, ...]]

K = TypeVar("K")
V = TypeVar("V")

_FIRST_CAPACITY = 64


class Journal:
    """What a patch changed, so that it can be taken back until it is adopted."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._tables: list[Table] = []

    @property
    def settled(self) -> bool:
        """Whether nothing waits to be adopted or dropped."""
        return not self._undo

    def note(self, undo: Callable[[], None]) -> None:
        self._undo.append(undo)

    def put(self, mapping: dict[K, V], key: K, value: V) -> None:
        """Set a key of a dict."""
        self._remember(mapping, key)
        mapping[key] = value

    def pop(self, mapping: dict[K, V], key: K) -> None:
        """Remove a key of a dict, where it is there."""
        if key in mapping:
            self._remember(mapping, key)
            del mapping[key]

    def _remember(self, mapping: dict[K, V], key: K) -> None:
        if key in mapping:
            old = mapping[key]
            self.note(lambda: mapping.__setitem__(key, old))
        else:
            self.note(lambda: mapping.__delitem__(key))

    def touched(self, table: "Table") -> None:
        self._tables.append(table)

    def adopt(self) -> None:
        """Keep the changes."""
        self._undo.clear()
        self._settle()

    def drop(self) -> None:
        """Take every change back, the last first."""
        while self._undo:
            self._undo.pop()()
        self._settle()

    def _settle(self) -> None:
        for table in self._tables:
            table.saved[:] = False
        self._tables.clear()


class Table:
    """Columns by FIELDS: name -> (dtype, fill) or (dtype, fill, width). Call `touch` before changing rows."""

    FIELDS: ClassVar[Fields]
    saved: Bools

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.size = 0
        self._dirty = False
        self.fields: dict[str, tuple[Any, ...]] = {}
        for cls in reversed(type(self).__mro__):
            self.fields.update(getattr(cls, "FIELDS", {}))
        self._allocate(_FIRST_CAPACITY)

    def _allocate(self, capacity: int) -> None:
        for name, (dtype, fill, *width) in self.fields.items():
            fresh = np.full((capacity, *width), fill, dtype)
            if self.size:
                fresh[: self.size] = getattr(self, name)[: self.size]
            setattr(self, name, fresh)
        saved = np.zeros(capacity, np.bool_)
        if self.size:
            saved[: self.size] = self.saved[: self.size]
        self.saved = saved

    def add(self, n: int) -> Rows:
        """Append rows in their initial state and return their numbers."""
        size = self.size
        if size + n > len(self.saved):
            self._allocate(max(size + n, 2 * len(self.saved)))
        for name, (_, fill, *_width) in self.fields.items():
            getattr(self, name)[size : size + n] = fill
        self.size = size + n
        self.journal.note(lambda: setattr(self, "size", size))
        return np.arange(size, size + n, dtype=np.intp)

    def ensure(self, size: int) -> None:
        """Let row `size - 1` exist."""
        if size > self.size:
            self.add(size - self.size)

    def touch(self, rows: Rows) -> None:
        """Remember rows as they are, once a patch."""
        rows = rows[~self.saved[rows]]
        if not len(rows):
            return
        rows = np.unique(rows)
        self.saved[rows] = True
        self.journal.touched(self)
        old = {name: getattr(self, name)[rows] for name in self.fields}
        self.journal.note(lambda: self._restore(rows, old))

    def _restore(self, rows: Rows, old: dict[str, NDArray[Any]]) -> None:
        for name, values in old.items():
            getattr(self, name)[rows] = values
        self.saved[rows] = False

    def columns(self) -> dict[str, NDArray[Any]]:
        """A copy of every column, as long as there are rows."""
        return {name: getattr(self, name)[: self.size].copy() for name in self.fields}

    def load(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Be what `columns` gave, whatever was there; the journal hears nothing of it. Raises `ValueError`."""
        sizes = {len(column) for column in columns.values()}
        if set(columns) != set(self.fields) or len(sizes) > 1:
            raise ValueError("these are the columns of another table")
        self.size = 0
        size = sizes.pop() if sizes else 0
        self._allocate(max(size, _FIRST_CAPACITY))
        for name, column in columns.items():
            getattr(self, name)[:size] = column
        self.size = size

    @property
    def nbytes(self) -> int:
        """Bytes that the columns take."""
        return sum(getattr(self, name).nbytes for name in self.fields)
