"""Taking rows out of the registry: their history stays, their watch ends."""

from dataclasses import dataclass

from devices.credentials import ISSUED_CHANNEL
from devices.editing import HEAD_WAIT, Editor, editing, held
from devices.reach import Name
from devices.registry import Ids, log_changes
from devices.registry_file import TABLES
from store.notify import notify
from store.pool import Connection
from store.queries import load

SQL = load("devices")


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """What a removal ended, counted by table.

    `detached` rows stay and no longer refer to what is gone. `version` is when the broker knows that credentials
    ended (see `credentials.applied_version`), None where there were none. `open_alerts` stay until they are closed.
    """

    ended: dict[str, int]
    detached: dict[str, int]
    credentials: int
    version: int | None
    open_alerts: int


async def remove(conn: Connection, table: str, name: Name, editor: Editor) -> Removal:
    """Remove a row and what goes with it. Raises `Refused`.

    With a site go its places, residents, devices and contacts; with a resident the contacts. Devices of a removed
    resident, place or gateway are watched on without it: an emergency that they report is then raised for the site.
    """
    async with editing(conn):
        await held(conn, table, name, editor.scope)
        gone = await _falling(conn, table, name)
        open_alerts = await _count(conn, gone)
        versions = await _end_credentials(conn, gone)
        for each, ids in gone.items():
            await conn.execute(SQL[f"remove_{each}"], {"ids": ids, "now": editor.now})
        await conn.execute(SQL["forget_states"], {"ids": gone["device"]})
        detached = {
            "resident": await _ids(conn, "detach_residents", gone),
            "device": await _ids(conn, "detach_devices", gone),
        }
        await log_changes(conn, detached, gone, by=editor.by, now=editor.now, wait=HEAD_WAIT)
    return Removal(
        ended={each: len(ids) for each, ids in gone.items()},
        detached={each: len(ids) for each, ids in detached.items()},
        credentials=len(versions),
        version=max(versions, default=None),
        open_alerts=open_alerts,
    )


async def _falling(conn: Connection, table: str, name: Name) -> dict[str, list[int]]:
    """Return the ids of all that goes with a row, by table."""
    named = {"table": table, "code": name[-1], "site": name[0]}
    first = [row["id"] for row in await (await conn.execute(SQL["number_of"], named)).fetchall()]
    asked = {each: first if each == table else [] for each in TABLES}
    gone: dict[str, list[int]] = {each: [] for each in TABLES}
    for row in await (await conn.execute(SQL["falling"], asked)).fetchall():
        gone[row["table"]].append(row["id"])
    return gone


async def _end_credentials(conn: Connection, gone: Ids) -> list[int]:
    await conn.execute(SQL["lock_credentials"])
    rows = await (await conn.execute(SQL["end_credentials"], {"ids": gone["device"]})).fetchall()
    versions = [row["version"] for row in rows]
    if versions:
        await notify(conn, ISSUED_CHANNEL, str(max(versions)))
    return versions


async def _count(conn: Connection, gone: Ids) -> int:
    row = await (await conn.execute(SQL["open_alerts_about"], gone)).fetchone()
    return 0 if row is None else int(row["n"])


async def _ids(conn: Connection, name: str, gone: Ids) -> list[int]:
    return [row["id"] for row in await (await conn.execute(SQL[name], gone)).fetchall()]
