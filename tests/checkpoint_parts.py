"""An engine through a checkpoint and back, and two engines compared attribute by attribute."""

from typing import Any

import numpy as np

from alerts.checkpoint import Checkpoint, Mark, Snapshot
from alerts.engine import Engine
from alerts.graph import Leaf, copied, leaves
from alerts.table import Table

MARK = Mark(database="d", epoch=1, position=0, at=0, log_id=0, chain="")


def kept(engine: Engine) -> Engine:
    """The engine after a restart with a checkpoint."""
    return opened(content(Snapshot(engine, MARK))).restore()


def content(snapshot: Snapshot) -> bytes:
    return b"".join(snapshot.pieces())


def opened(written: bytes) -> Checkpoint:
    return Checkpoint(np.frombuffer(written, np.uint8))


def state(engine: Engine) -> dict[str, Any]:
    """Every leaf's value by its path, comparable."""
    return {leaf.path: comparable(leaf) for leaf in leaves(engine)}


def comparable(leaf: Leaf) -> Any:
    if isinstance(leaf.value, Table):
        columns = leaf.value.columns()
        return [(name, column.dtype.str, column.shape, column.tobytes()) for name, column in sorted(columns.items())]
    return leaf.value.tobytes() if isinstance(leaf.value, np.ndarray) else copied(leaf.value)
