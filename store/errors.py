"""Driver errors stop here and become the project's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg_pool


class StoreError(Exception):
    """The database did not do what it was asked; `sqlstate` is its word for why, empty where it said nothing."""

    def __init__(self, message: str, *, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class StoreUnavailable(StoreError):
    """The database is away, going away or refusing connections; the same call may succeed later."""


class DataRefused(StoreError):
    """The database refuses these data; the same call will fail again."""


class Conflict(DataRefused):
    """A unique or referential rule of the schema stands against it."""


class LockTimeout(StoreError):
    """Somebody else held the lock for longer than the caller wanted to wait."""


class WrongVersion(StoreError):
    """The server or the schema is of a version that this program cannot use."""


# SQLSTATE classes (PostgreSQL documentation, appendix A): 22 data exception, 23 integrity violation.
# 0A, 42 and 54 come from what was sent as well: a feature, a type, a limit of the program.
_DATA_CLASSES = ("22", "54")


def _meaning(error: psycopg.Error) -> StoreError:
    # The message of a data error can quote the data, which may be personal: the state alone is told.
    state = error.sqlstate or ""
    kind = type(error).__name__
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LockTimeout("the lock was not free in time")
    if isinstance(error, psycopg.errors.IdleInTransactionSessionTimeout):
        return StoreUnavailable(kind)
    if state.startswith("23"):
        return Conflict(kind, sqlstate=state)
    if state.startswith(_DATA_CLASSES) or isinstance(error, psycopg.DataError):
        return DataRefused(kind, sqlstate=state)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreUnavailable(kind, sqlstate=state)
    return StoreError(f"{kind} ({state or 'no state'})", sqlstate=state)


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of the driver or its pool into a `StoreError`."""
    try:
        yield
    except psycopg.Error as error:
        raise _meaning(error) from error
    except (psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed, psycopg_pool.TooManyRequests) as error:
        raise StoreUnavailable(type(error).__name__) from error
