"""The registry, row by row: register, change by merge patch, remove. Removing keeps the history and ends the watch."""

from collections.abc import Awaitable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response

from api.auth import having
from api.bodies import (
    Body,
    ContactBody,
    ContactPatch,
    DeviceBody,
    DevicePatch,
    PlaceBody,
    PlacePatch,
    ResidentBody,
    ResidentPatch,
    SiteBody,
    SitePatch,
)
from api.documents import Contact, Detached, Device, Place, Removed, Resident, Site, WatchEnded, WhatWasRemoved
from api.inputs import Code
from api.openapi import problem
from api.principals import Principal
from api.problems import Problem, not_found
from api.rights import Right
from api.service import HeldService, Service
from devices import editing, removing
from devices.editing import Editor
from devices.reach import Name, Reason, Refused
from devices.registry_file import RegistryError

_LOCATION = {"Location": {"description": "Where it is found.", "schema": {"type": "string"}}}
_ABSENT = problem("Not there, or out of scope")

new_router = APIRouter(
    tags=["registry"],
    responses={
        201: {"headers": _LOCATION},
        404: problem("What it would belong to is not there, or out of scope"),
        409: problem("The code is taken"),
    },
)
router = APIRouter(tags=["registry"], responses={404: _ABSENT})

_Registrar = Annotated[Principal, Depends(having(Right.CHANGE_REGISTRY))]
_Installer = Annotated[Principal, Depends(having(Right.CHANGE_DEVICES))]
_T = TypeVar("_T")


@new_router.post("/sites", status_code=201)
async def create_site(
    body: SiteBody, caller: _Registrar, service: HeldService, request: Request, response: Response
) -> Site:
    """Register a site. A removed one comes back; its places, residents and devices do not by themselves."""
    response.headers["Location"] = _at(request, "site", site=body.code)
    return Site.model_validate(await _create(service, caller, "site", body))


@new_router.post("/places", status_code=201)
async def create_place(
    body: PlaceBody, caller: _Installer, service: HeldService, request: Request, response: Response
) -> Place:
    """Register a place of a site."""
    response.headers["Location"] = _at(request, "place", site=body.site, place=body.code)
    return Place.model_validate(await _create(service, caller, "place", body))


@new_router.post("/residents", status_code=201)
async def create_resident(
    body: ResidentBody, caller: _Registrar, service: HeldService, request: Request, response: Response
) -> Resident:
    """Register a resident of a site."""
    response.headers["Location"] = _at(request, "resident", resident=body.code)
    return Resident.model_validate(await _create(service, caller, "resident", body))


@new_router.post("/devices", status_code=201)
async def create_device(
    body: DeviceBody, caller: _Installer, service: HeldService, request: Request, response: Response
) -> Device:
    """Register a device of a site, which is watched from now on. It logs in with credentials made next."""
    response.headers["Location"] = _at(request, "device", site=body.site, device=body.code)
    return Device.model_validate(await _create(service, caller, "device", body))


@new_router.post("/contacts", status_code=201)
async def create_contact(
    body: ContactBody, caller: _Registrar, service: HeldService, request: Request, response: Response
) -> Contact:
    """Register whom to call for a resident."""
    response.headers["Location"] = _at(request, "contact", contact=body.id)
    return Contact.model_validate(await _create(service, caller, "contact", body))


@router.patch("/sites/{site}")
async def change_site(site: Code, body: SitePatch, caller: _Registrar, service: HeldService) -> Site:
    """Change a site by a merge patch: what is not named stays, null clears."""
    return Site.model_validate(await _change(service, caller, "site", (site,), body))


@router.patch("/sites/{site}/places/{place}")
async def change_place(site: Code, place: Code, body: PlacePatch, caller: _Installer, service: HeldService) -> Place:
    """Change a place by a merge patch."""
    return Place.model_validate(await _change(service, caller, "place", (site, place), body))


@router.patch("/residents/{resident}")
async def change_resident(resident: Code, body: ResidentPatch, caller: _Registrar, service: HeldService) -> Resident:
    """Change a resident by a merge patch, the care record key by key."""
    return Resident.model_validate(await _change(service, caller, "resident", (resident,), body))


@router.patch("/sites/{site}/devices/{device}")
async def change_device(
    site: Code, device: Code, body: DevicePatch, caller: _Installer, service: HeldService
) -> Device:
    """Change a device by a merge patch. A heartbeat that is cleared is the kind's default."""
    return Device.model_validate(await _change(service, caller, "device", (site, device), body))


@router.patch("/contacts/{contact}")
async def change_contact(contact: Code, body: ContactPatch, caller: _Registrar, service: HeldService) -> Contact:
    """Change a contact by a merge patch."""
    return Contact.model_validate(await _change(service, caller, "contact", (contact,), body))


@router.delete("/sites/{site}")
async def remove_site(site: Code, caller: _Registrar, service: HeldService) -> Removed:
    """Remove a site with its places, residents, devices and contacts. Its history stays, its watch ends."""
    return await _remove(service, caller, "site", (site,))


@router.delete("/sites/{site}/places/{place}")
async def remove_place(site: Code, place: Code, caller: _Installer, service: HeldService) -> Removed:
    """Remove a place. Devices there are watched on without it."""
    return await _remove(service, caller, "place", (site, place))


@router.delete("/residents/{resident}")
async def remove_resident(resident: Code, caller: _Registrar, service: HeldService) -> Removed:
    """Remove a resident with the contacts. Devices are watched on: their emergencies are the site's then."""
    return await _remove(service, caller, "resident", (resident,))


@router.delete("/sites/{site}/devices/{device}")
async def remove_device(site: Code, device: Code, caller: _Installer, service: HeldService) -> Removed:
    """Remove a device and end its credentials. Devices behind a removed gateway stay, without one."""
    return await _remove(service, caller, "device", (site, device))


@router.delete("/contacts/{contact}")
async def remove_contact(contact: Code, caller: _Registrar, service: HeldService) -> Removed:
    """Remove a contact."""
    return await _remove(service, caller, "contact", (contact,))


def _at(request: Request, route: str, **names: str) -> str:
    return str(request.app.url_path_for(route, **names))


def _editor(service: Service, caller: Principal) -> Editor:
    return Editor(by=caller.name, scope=caller.scope, now=service.clock())


async def _create(service: Service, caller: Principal, table: str, body: Body) -> dict[str, Any]:
    document = body.model_dump(exclude_unset=True)
    async with service.connection() as conn:
        return await _told(table, editing.create(conn, table, document, _editor(service, caller)))


async def _change(service: Service, caller: Principal, table: str, name: Name, body: Body) -> dict[str, Any]:
    patch = body.model_dump(exclude_unset=True)
    async with service.connection() as conn:
        return await _told(table, editing.change(conn, table, name, patch, _editor(service, caller)))


async def _remove(service: Service, caller: Principal, table: str, name: Name) -> Removed:
    editor = _editor(service, caller)
    async with service.connection() as conn:
        removal = await _told(table, removing.remove(conn, table, name, editor))
    if removal.version is not None:
        await service.admission.broker_knows(removal.version)
    return Removed(
        removed=WhatWasRemoved.model_validate(
            {"kind": table, "site": name[0] if len(name) > 1 else None, "code": name[-1]}
        ),
        at=editor.now,
        history_kept=True,
        watch_ended=WatchEnded(**{f"{each}s": n for each, n in removal.ended.items()}),
        detached=Detached(**{f"{each}s": n for each, n in removal.detached.items()}),
        credentials_ended=removal.credentials,
        open_alerts=removal.open_alerts,
    )


async def _told(table: str, act: Awaitable[_T]) -> _T:
    """Say the registry's refusals as problems."""
    try:
        return await act
    except Refused as refused:
        if refused.reason is Reason.TAKEN:
            raise Problem(409, "taken", f"There is a {table} of this code already.") from None
        if refused.reason is Reason.BEYOND:
            detail = f"Your scope shows this {refused.table}; to change it takes a scope of its site or street."
            raise Problem(403, "forbidden", detail) from None
        not_found(refused.table)
    except RegistryError as error:
        errors = [
            {"at": f"body.{found.key}" if found.table == table else None, **asdict(found)} for found in error.problems
        ]
        for found in errors:
            del found["file"], found["index"]
        raise Problem(422, "registry-refused", "Nothing was changed: see `errors`.", errors=errors) from None
