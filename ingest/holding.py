"""Becoming the partition's holder: the epoch raised, engine, registry and devices' states rebuilt."""

import logging
from dataclasses import dataclass

from devices.directory import Directory
from ingest.batcher import wall_micros
from ingest.clocks import LagWatch
from ingest.decode import Decoder
from ingest.liveness import Liveness
from ingest.numbering import load_numbers
from ingest.protocol import Engine
from ingest.state import load_states
from ingest.stretch import micros_of, moment
from ingest.writer import LOCK_SECONDS, Writer
from store.errors import translated
from store.head import lock_head, raise_epoch
from store.partitions import ensure_partitions
from store.pool import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """All that is built from the database; `alive_at` is until when an earlier ingest watched (microseconds)."""

    epoch: int
    alive_at: int | None
    decoder: Decoder
    liveness: Liveness
    lag_watch: LagWatch
    writer: Writer


async def take_over(conn: Connection, engine: Engine) -> Holding:
    """Fence whoever held the partition, then rebuild. Raises `StoreUnavailable`, `LockTimeout`: try all of it again."""
    with translated():
        return await _take_over(conn, engine)


async def _take_over(conn: Connection, engine: Engine) -> Holding:
    epoch = await raise_epoch(conn, wait=LOCK_SECONDS)
    async with conn.transaction():
        alive_at = (await lock_head(conn, epoch=epoch, wait=LOCK_SECONDS)).alive_at
    await ensure_partitions(conn, moment(wall_micros()))
    await engine.bootstrap(conn)
    # After the engine: what it has seen of the registry, the directory has then seen too.
    position = engine.position
    directory, liveness, lag_watch = Directory(), Liveness(), LagWatch()
    await directory.load(conn)
    decoder = Decoder(directory)
    decoder.numbers.update(await load_numbers(conn))
    await load_states(conn, liveness, lag_watch)
    liveness.watch(directory.interval, directory.grace)
    log.info("holding the partition", extra={"epoch": epoch, "position": position, "devices": len(directory)})
    return Holding(
        epoch=epoch,
        alive_at=None if alive_at is None else micros_of(alive_at),
        decoder=decoder,
        liveness=liveness,
        lag_watch=lag_watch,
        writer=Writer(
            epoch=epoch,
            engine=engine,
            decoder=decoder,
            liveness=liveness,
            lag_watch=lag_watch,
            position=position,
        ),
    )
