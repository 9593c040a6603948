"""The engine in service: fed by ingest inside its transaction, its findings written beside the events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.engine import Engine
from alerts.reconcile import reconcile
from alerts.record import record
from alerts.replay import replay
from alerts.schedule import moment
from alerts.versions import ensure_versions
from store.head import Head, InputEntry
from store.notify import notify
from store.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did to the alerts."""

    changed: bool
    findings: int


class LiveEngine:
    """Implements ingest's protocol: bootstrap once, then run, and adopt or drop, in turn."""

    def __init__(self) -> None:
        self._engine = Engine()

    @property
    def position(self) -> int:
        return self._engine.position

    async def bootstrap(self, conn: Connection) -> None:
        """Bring the catalogue's rules into the log, then rebuild the state from the log."""
        await ensure_versions(conn)
        self._engine = Engine()
        await replay(conn, self._engine)
        await reconcile(conn, self._engine)

    async def run(
        self,
        conn: Connection,
        head: Head,
        *,
        control: Sequence[InputEntry],
        events: NDArray[np.void],
        watermark: int | None,
        received_at: int,
    ) -> Outcome:
        """Take in what follows in the log and write what is found; the caller commits, then adopts.

        A `watermark` stands at the log's end, `head.position`, and comes last.
        """
        findings = self._engine.apply(control, events)
        if watermark is not None:
            findings += self._engine.advance(watermark, head.position)
        self._engine.advanced_to(head.position)
        if findings:
            await record(conn, head, findings, moment(received_at))
            await notify(conn, "alert_log", str(head.log_id))
        return Outcome(changed=bool(findings), findings=len(findings))

    def adopt(self) -> None:
        """The batch is committed."""
        self._engine.adopt()

    def drop(self) -> None:
        """The batch is not there."""
        self._engine.drop()

    def due(self, now: int) -> bool:
        """Whether a watermark at `now` (microseconds) would fire anything."""
        return self._engine.due(now)
