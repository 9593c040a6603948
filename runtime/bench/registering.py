"""A world's registry in the database: rows by COPY, and the entries of the log that the importer would write."""

from datetime import timedelta
from typing import Any

from runtime.bench.world import Document, World
from store.errors import translated
from store.head import append_input, lock_head, save_head
from store.pool import Connection
from store.queries import load

SQL = load("runtime")

_COLUMNS = {
    "site": ("id", "code", "kind", "street", "timezone"),
    "place": ("id", "site", "code", "kind", "role", "sealed"),
    "resident": ("id", "site", "code", "bed", "flags", "presence"),
    "device": ("id", "site", "code", "kind", "place", "resident", "gateway", "power", "heartbeat"),
}


async def register(conn: Connection, world: World) -> None:
    """Register a world in an empty database, in one transaction."""
    with translated():
        async with conn.transaction():
            head = await lock_head(conn)
            for entry in world.entries():
                for table, columns in _COLUMNS.items():
                    await _copy(conn, table, columns, entry.body["upsert"][table])
                await append_input(conn, head, [entry])
            await save_head(conn, head)
        await conn.execute(SQL["bench_analyze"])


async def _copy(conn: Connection, table: str, columns: tuple[str, ...], documents: list[Document]) -> None:
    async with conn.cursor() as cursor, cursor.copy(SQL[f"bench_copy_{table}"]) as copy:
        for document in documents:
            await copy.write_row([_value(name, document[name]) for name in columns])


def _value(name: str, value: Any) -> Any:
    return timedelta(microseconds=value) if name == "heartbeat" and value is not None else value
