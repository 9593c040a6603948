"""Which sites lie in which streets, as last known: a feed must be able to tell while the database is away."""

from collections import OrderedDict

from devices.scope import Scope
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("api")
REMEMBERED = 1_000  # sets of streets, of which a district has a few


class Streets:
    """The sites of each set of streets that somebody's scope names."""

    def __init__(self) -> None:
        self._sites: OrderedDict[tuple[str, ...], frozenset[str]] = OrderedDict()

    async def learn(self, conn: Connection, scope: Scope) -> None:
        """Read anew what a scope's streets hold. Raises `StoreError`."""
        if scope.whole or not scope.streets:
            return
        with translated():
            rows = await (await conn.execute(SQL["sites_of_streets"], {"streets": list(scope.streets)})).fetchall()
        self._sites[scope.streets] = frozenset(row["code"] for row in rows)
        self._sites.move_to_end(scope.streets)
        while len(self._sites) > REMEMBERED:
            self._sites.popitem(last=False)

    def sees(self, scope: Scope, site: str) -> bool:
        """Whether a scope holds a whole site. One that holds a resident there waits for what is recorded of him."""
        return scope.whole or site in scope.sites or site in self._sites.get(scope.streets, ())
