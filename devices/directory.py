"""Who a message comes from: every watched device in memory, one dict and one numpy column per fact."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncCursor
from psycopg.rows import DictRow

from devices.models import DEVICE_KINDS, POWERS
from devices.silence import graces, intervals
from store.errors import translated
from store.pool import Connection
from store.queries import load

SQL = load("devices")

NO_DEVICE = 0  # the database numbers devices from 1
_KIND_NUMBERS = {kind: number for number, kind in enumerate(DEVICE_KINDS)}
_POWER_NUMBERS = {power: number for number, power in enumerate(POWERS)}
NO_POWER = -1
_PAGE = 100_000


class Directory:
    """Devices by `site/device`, their facts by device id; ids beyond the columns are not known yet.

    `site` and `gateway` hold ids (0: none), `kind` an index of DEVICE_KINDS (-1: not watched),
    `power` one of POWERS (-1: not known), `heartbeat` microseconds (0: none expected).
    """

    def __init__(self) -> None:
        self.id_of: dict[str, int] = {}
        self.site: NDArray[np.int32] = np.zeros(0, np.int32)
        self.kind: NDArray[np.int8] = np.zeros(0, np.int8)
        self.gateway: NDArray[np.int32] = np.zeros(0, np.int32)
        self.power: NDArray[np.int8] = np.zeros(0, np.int8)
        self.heartbeat: NDArray[np.int64] = np.zeros(0, np.int64)
        self._site_code: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.id_of)

    @property
    def size(self) -> int:
        """One more than the highest device id that the columns hold."""
        return len(self.site)

    async def load(self, conn: Connection) -> None:
        """Take over every watched device; call it once, before anything else."""
        with translated():
            async with conn.cursor(binary=True) as cursor:
                pages = await _pages(cursor)
                # Sites after devices: whatever was registered meanwhile, each device's site is among them.
                await cursor.execute(SQL["directory_sites"])
                sites = await cursor.fetchone() or {}
        self._site_code.update(zip(_numbers(sites["ids"]), _lines(sites["codes"]), strict=True))
        for page in pages:
            self._take_page(page)

    def _take_page(self, page: Mapping[str, Any]) -> None:
        ids = np.frombuffer(page["ids"] or b"", ">i4").astype(np.intp)
        if not len(ids):
            return
        self._grow(int(ids.max()) + 1)
        sites = np.frombuffer(page["sites"], ">i4")
        self.site[ids] = sites
        self.kind[ids] = np.frombuffer(page["kinds"], ">i4") - 1  # SQL counts from 1
        self.gateway[ids] = np.frombuffer(page["gateways"], ">i4")
        self.power[ids] = np.frombuffer(page["powers"], ">i4") - 1  # SQL counts from 1
        self.heartbeat[ids] = np.frombuffer(page["heartbeats"], ">i8")
        pairs = zip(sites.tolist(), _lines(page["codes"]), strict=True)
        names = [f"{self._site_code[site]}/{code}" for site, code in pairs]
        self.id_of.update(zip(names, ids.tolist(), strict=True))

    async def refresh(self, conn: Connection, names: Iterable[str]) -> int:
        """Look up `site/device` names that were not known and return how many now are."""
        asked = [name for name in names if name not in self.id_of]
        if not asked:
            return 0
        with translated():
            rows = await (await conn.execute(SQL["directory_names"], {"names": asked})).fetchall()
        self._take(rows)
        return len(rows)

    def apply(self, body: Mapping[str, Any]) -> None:
        """Take over what a `registry` entry of the log changed."""
        upsert, remove = body.get("upsert", {}), body.get("remove", {})
        for site in upsert.get("site", ()):
            self._site_code[site["id"]] = site["code"]
        # Of an older entry: the site was removed since, and its devices with it, before this directory was loaded.
        rows = [row for row in upsert.get("device", ()) if row["site"] in self._site_code]
        self._take([row | {"site_code": self._site_code[row["site"]]} for row in rows])
        self._forget(set(remove.get("device", ())))

    @property
    def interval(self) -> NDArray[np.int64]:
        """Microseconds within which each device is expected to be heard, 0 where nothing is."""
        return intervals(self.kind, self.heartbeat, self.power)

    @property
    def grace(self) -> NDArray[np.int64]:
        """Microseconds after a stall of ours for which its silence is not believed."""
        return graces(self.interval, self.heartbeat)

    def _take(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        ids = np.fromiter((row["id"] for row in rows), np.intp, len(rows))
        self._grow(int(ids.max()) + 1)
        self.site[ids] = [row["site"] for row in rows]
        self.kind[ids] = [_KIND_NUMBERS[row["kind"]] for row in rows]
        self.gateway[ids] = [row["gateway"] or NO_DEVICE for row in rows]
        self.power[ids] = [_POWER_NUMBERS.get(row.get("power") or "", NO_POWER) for row in rows]
        self.heartbeat[ids] = [row["heartbeat"] or 0 for row in rows]
        for row in rows:
            self._site_code[row["site"]] = row["site_code"]
            self.id_of[f"{row['site_code']}/{row['code']}"] = row["id"]

    def _grow(self, size: int) -> None:
        if size <= self.size:
            return
        # Half as much again, so that devices registered one by one do not copy the columns each time.
        more = max(size, self.size + self.size // 2) - self.size
        self.site = np.pad(self.site, (0, more))
        self.kind = np.pad(self.kind, (0, more), constant_values=-1)
        self.gateway = np.pad(self.gateway, (0, more))
        self.power = np.pad(self.power, (0, more), constant_values=NO_POWER)
        self.heartbeat = np.pad(self.heartbeat, (0, more))

    def _forget(self, devices: set[int]) -> None:
        # Removals are rare: a search through the names costs less than a second dict for every device.
        for name in [name for name, device in self.id_of.items() if device in devices] if devices else ():
            device = self.id_of.pop(name)
            self.kind[device] = -1
            self.heartbeat[device] = 0


async def _pages(cursor: AsyncCursor[DictRow]) -> list[DictRow]:
    pages: list[DictRow] = []
    params = {"after": 0, "limit": _PAGE, "kinds": list(DEVICE_KINDS), "powers": list(POWERS)}
    while params["after"] is not None:
        await cursor.execute(SQL["directory_page"], params)
        pages += await cursor.fetchall()
        params["after"] = pages[-1]["last"]
    return pages


def _numbers(column: bytes | None) -> list[int]:
    numbers: list[int] = np.frombuffer(column or b"", ">i4").tolist()
    return numbers


def _lines(column: str | None) -> list[str]:
    return column.split("\n") if column else []
