"""What a person can do about a database that is there and does not take what it is given."""

from store.errors import StoreError, StoreUnavailable

# SQLSTATE (PostgreSQL documentation, appendix A) -> what to do.
_REMEDIES = {
    "25006": "the database is read-only: name its primary in --database-url, or end default_transaction_read_only",
    "42501": "the database's user lacks a right: let the owner of the tables run ingest, or grant it their use",
    "42P01": "a table is missing: run `shouwang migrate`",
    "42703": "a column is missing: run `shouwang migrate`",
    "53100": "the database's disk is full: free space on it; nothing is lost meanwhile, the broker keeps the queue",
    "53200": "the database is out of memory: give it more, or fewer connections",
    "53300": "the database has no connection left: raise max_connections, or end who holds many",
    "28P01": "the database refuses the password: see --database-url",
}
_AWAY = "the database is away: see that it runs and can be reached; ingest comes back by itself"
_ELSE = "the database refuses it: look for this state in the database's own log"


def remedy(error: StoreError) -> str:
    """One sentence for the log and for the part's row."""
    return _REMEDIES.get(error.sqlstate, _AWAY if isinstance(error, StoreUnavailable) else _ELSE)
