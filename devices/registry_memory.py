"""A registry file as an entry of the log, without a database: rows numbered from 1, in the order of the file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devices.models import heartbeat_micros
from devices.references import Registry

Row = dict[str, Any]


def registry_entry(registry: Registry, *, since: int) -> dict[str, list[Row]]:
    """What an import of the file logs as `upsert`, by table. `since` is when it was registered (microseconds)."""
    sites = _numbers(registry.sites, lambda v: v.code)
    places = _numbers(registry.places, lambda v: (v.site, v.code))
    residents = _numbers(registry.residents, lambda v: v.code)
    devices = _numbers(registry.devices, lambda v: (v.site, v.code))
    return {
        "site": [
            {"id": sites[v.code], "code": v.code, "kind": v.kind, "street": v.street, "timezone": v.timezone}
            for v in registry.sites
        ],
        "place": [
            {
                "id": places[v.site, v.code], "site": sites[v.site], "code": v.code, "kind": v.kind, "role": v.role,
                "sealed": v.sealed, "open_hours": None if v.open_hours is None else list(v.open_hours),
            }
            for v in registry.places
        ],
        "resident": [
            {
                "id": residents[v.code], "site": sites[v.site], "code": v.code, "bed": places.get((v.site, v.bed)),
                "flags": list(v.flags), "presence": v.presence,
            }
            for v in registry.residents
        ],
        "device": [
            {
                "id": devices[v.site, v.code], "site": sites[v.site], "code": v.code, "kind": v.kind,
                "place": places.get((v.site, v.place)), "resident": residents.get(v.resident),
                "gateway": devices.get((v.site, v.gateway)), "power": v.power,
                "heartbeat": heartbeat_micros(v.kind, v.heartbeat), "since": since,
            }
            for v in registry.devices
        ],
    }  # fmt: skip


def _numbers(rows: Sequence[Any], name: Callable[[Any], Any]) -> Mapping[Any, int]:
    return {name(row): n for n, row in enumerate(rows, 1)}
