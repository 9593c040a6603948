"""Forward-only migrations: `NNNN_name.sql`, each in one transaction, all under an advisory lock."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from store.errors import WrongVersion, translated
from store.pool import Connection, connect
from store.queries import load
from store.timeseries import arrange

SQL = load("store")
_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def known() -> list[Migration]:
    """The migrations of this program, in order."""
    found = [(_NAME.match(f.name), f) for f in files("store.migrations").iterdir()]
    every = [Migration(version=int(m[1]), name=m[2], text=f.read_text("utf-8")) for m, f in found if m]
    return sorted(every, key=lambda migration: migration.version)


async def migrate(url: str, *, extension: bool = True) -> list[str]:
    """Bring the database up to this program's schema and name what was applied.

    Events become a hypertable where that can be, never without `extension`. Several that start together
    wait for one another. Raises `WrongVersion` where the database is ahead of this program or an applied
    migration differs from ours.
    """
    conn = await connect(url, name="migrate")
    async with conn:
        with translated():
            await conn.execute(SQL["lock_migrations"])
            await conn.execute(SQL["create_migration_table"])
            todo = _todo(await _applied(conn))
            for migration in todo:
                await _apply(conn, migration)
        await arrange(conn, extension=extension)
    return [f"{m.version:04} {m.name}" for m in todo]


async def pending(conn: Connection) -> list[str]:
    """Name what `migrate` would apply; reads only. Raises `WrongVersion` like it."""
    with translated():
        row = await (await conn.execute(SQL["has_migration_table"])).fetchone()
        applied = await _applied(conn) if row is not None and row["present"] else {}
    return [f"{m.version:04} {m.name}" for m in _todo(applied)]


async def _applied(conn: Connection) -> dict[int, str]:
    rows = await (await conn.execute(SQL["applied_migrations"])).fetchall()
    return {row["version"]: row["checksum"] for row in rows}


def _todo(applied: dict[int, str]) -> list[Migration]:
    ours = {m.version: m for m in known()}
    if ahead := sorted(set(applied) - set(ours)):
        raise WrongVersion(f"the database has migration {ahead[-1]:04}, which this program does not know: it is older")
    for version, checksum in applied.items():
        if ours[version].checksum != checksum:
            raise WrongVersion(f"migration {version:04} was applied with another content")
    return [m for version, m in ours.items() if version not in applied]


async def _apply(conn: Connection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute(migration.text.encode())
        await conn.execute(
            SQL["record_migration"],
            {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
        )
