"""The engine's state at a position of the log, in one file: a JSON header, raw columns, a digest. Decision 0011."""

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.catalogue import parse_rule
from alerts.engine import Engine
from alerts.graph import Leaf, NotCarried, copied, leaves, settle
from alerts.overrides import parse_overrides
from alerts.plain import decoded, encoded
from alerts.table import Table
from alerts.watch import Terms

MAGIC = b"shouwang-state-1"
_DIGEST = 32
_LENGTH = 8


class Unusable(Exception):
    """A checkpoint that cannot be used; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where in which log the state was: what must hold of a database for the state to be its own.

    `at` is the moment of the log's entry at `position`, `chain` that of the alert log at `log_id`.
    """

    database: str
    epoch: int
    position: int
    at: int
    log_id: int
    chain: str


class Snapshot:
    """A copy of an engine's state, which the engine's next steps do not reach. Raises `NotCarried`."""

    def __init__(self, engine: Engine, mark: Mark) -> None:
        self.mark = mark
        self._rules = [
            {"definition": t.rule.document, "version": t.version, "overrides": [o.document for o in t.overrides]}
            for t in (watch.terms for watch in engine.watches.values())
        ]
        self._values: dict[str, Any] = {}
        self._arrays: dict[tuple[str, str], NDArray[Any]] = {}
        for leaf in leaves(engine):
            self._take(leaf)

    def _take(self, leaf: Leaf) -> None:
        if isinstance(leaf.value, Table):
            self._arrays |= {(leaf.path, name): column for name, column in leaf.value.columns().items()}
        elif isinstance(leaf.value, np.ndarray):
            self._arrays[leaf.path, ""] = leaf.value.copy()
        else:
            self._values[leaf.path] = copied(leaf.value)

    def write(self, path: Path) -> int:
        """Replace the file at once, readable by its owner alone; returns its bytes. Raises `OSError`, `NotCarried`."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                size = sum(file.write(piece) for piece in self.pieces())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return size

    def _header(self) -> bytes:
        columns = [
            {"path": path, "name": name, "dtype": array.dtype.str, "shape": array.shape}
            for (path, name), array in self._arrays.items()
        ]
        document = {
            "schema": schema(), "mark": asdict(self.mark), "rules": self._rules, "columns": columns,
            "values": {path: encoded(value) for path, value in self._values.items()},
        }  # fmt: skip
        return json.dumps(document, separators=(",", ":")).encode()

    def pieces(self) -> Iterator[bytes]:
        """The file's content, in its order. Raises `NotCarried`."""
        digest, header = hashlib.sha256(), self._header()
        columns = (array.tobytes() for array in self._arrays.values())
        for piece in chain((MAGIC, len(header).to_bytes(_LENGTH, "little"), header), columns):
            digest.update(piece)
            yield piece
        yield digest.digest()


class Checkpoint:
    """A file that was read whole and is what was written; whether it is this database's is for others to say."""

    def __init__(self, content: NDArray[np.uint8]) -> None:
        """Raises `Unusable`."""
        begin = len(MAGIC) + _LENGTH
        if len(content) < begin + _DIGEST or content[: len(MAGIC)].tobytes() != MAGIC:
            raise Unusable("it is no checkpoint, or not a whole one")
        if hashlib.sha256(content[:-_DIGEST].data).digest() != content[-_DIGEST:].tobytes():
            raise Unusable("its content is not what was written")
        length = int.from_bytes(content[len(MAGIC) : begin].tobytes(), "little")
        self._header: dict[str, Any] = json.loads(content[begin : begin + length].tobytes())
        if self._header["schema"] != schema():
            raise Unusable("another version of the engine wrote it")
        self._content = content[begin + length : -_DIGEST]
        self.mark = Mark(**self._header["mark"])

    def restore(self) -> Engine:
        """The engine as it was. Raises `Unusable`."""
        engine = Engine()
        for told in self._header["rules"]:
            rule = parse_rule(told["definition"], "checkpoint")
            overrides = parse_overrides(rule, told["overrides"])
            engine.begin(Terms(rule=rule, version=told["version"], overrides=overrides))
        found = list(leaves(engine))
        arrays = self._arrays()
        if {leaf.path for leaf in found} != {*self._header["values"], *arrays}:
            raise Unusable("it holds other parts than this engine has")
        for leaf in found:
            self._fill(leaf, arrays)
        engine.adopt()
        settle(engine)
        return engine

    def _fill(self, leaf: Leaf, arrays: dict[str, dict[str, NDArray[Any]]]) -> None:
        if isinstance(leaf.value, Table):
            leaf.value.load(arrays[leaf.path])
        elif leaf.path in arrays:
            leaf.fill(arrays[leaf.path][""].copy())
        else:
            leaf.fill(decoded(self._header["values"][leaf.path]))

    def _arrays(self) -> dict[str, dict[str, NDArray[Any]]]:
        found: dict[str, dict[str, NDArray[Any]]] = {}
        at = 0
        for column in self._header["columns"]:
            kind, shape = np.dtype(column["dtype"]), tuple(column["shape"])
            size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(self._content[at : at + size].tobytes(), kind).reshape(shape)
            found.setdefault(column["path"], {})[column["name"]] = array
            at += size
        return found


def read(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, None where there is none. Raises `Unusable`."""
    try:
        return Checkpoint(np.fromfile(path, np.uint8))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(f"it cannot be read: {error.strerror}") from error


def discard(path: Path) -> None:
    """Remove a checkpoint, and what a killed writer left."""
    for file in (path, *path.parent.glob(f".{path.name}.*")):
        with suppress(OSError):
            file.unlink()


@cache
def schema() -> str:
    """What the engine's state looks like and means: a digest of the sources that make it. Any change is another."""
    digest = hashlib.sha256(sys.byteorder.encode())
    here = Path(__file__).parent
    for source in sorted([*here.rglob("*.py"), *(here.parent / "devices").rglob("*.py")]):
        digest.update(source.relative_to(here.parent).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


__all__ = ["Checkpoint", "Mark", "NotCarried", "Snapshot", "Unusable", "discard", "read", "schema"]
