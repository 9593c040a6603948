"""Becoming the partition's holder: the epoch raised, engine, registry and devices' states rebuilt."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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
from store.errors import LockTimeout, StoreError, translated
from store.head import Fenced, lock_head, raise_epoch
from store.holder import end_writers
from store.partitions import ensure_partitions
from store.pool import Connection

log = logging.getLogger(__name__)

PROVE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """All that is built from the database; `alive_at` is until when an earlier ingest watched (microseconds)."""

    epoch: int
    alive_at: int | None
    decoder: Decoder
    liveness: Liveness
    lag_watch: LagWatch
    writer: Writer


async def take_over(conn: Connection, engine: Engine, *, prove: Callable[[int], Awaitable[None]]) -> Holding:
    """Fence whoever held the partition, then rebuild. Raises `StoreUnavailable`, `LockTimeout`: try all of it again.

    `prove` shows, on another connection, that the holder of an epoch lives; `Fenced` ends what it raises it in.
    """
    with translated():
        epoch = await _raised(conn)
        async with _proving(lambda: prove(epoch)):
            holding = await _rebuilt(conn, engine, epoch)
        # Whoever was followed meanwhile must not connect to the broker.
        await prove(epoch)
    return holding


async def _raised(conn: Connection) -> int:
    try:
        return await raise_epoch(conn, wait=LOCK_SECONDS)
    except LockTimeout:
        ended = await end_writers(conn)
        log.warning("an earlier holder kept the head row: ended its transactions", extra={"ended": ended})
        raise


@asynccontextmanager
async def _proving(prove: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Show all the while that we live: reading a long log commits nothing."""
    task = asyncio.create_task(_prove_for_ever(prove), name="ingest-prove")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _prove_for_ever(prove: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(PROVE_SECONDS)
        try:
            await prove()
        except StoreError as error:
            log.info("the proof that we live was not taken", extra={"error": str(error)})
        except Fenced:
            return  # told by the next lock of the head row


async def _rebuilt(conn: Connection, engine: Engine, epoch: int) -> Holding:
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
