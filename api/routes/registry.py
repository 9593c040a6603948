"""The registry, read within the caller's scope."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from api import cursors
from api.auth import having
from api.documents import Contact, Device, Page, Place, Resident, Site, SiteState, SiteStatePage
from api.inputs import Code, Cursor, Limit, Text
from api.openapi import problem
from api.principals import Principal
from api.problems import not_found
from api.rights import GRANTED, Right
from api.service import Lent
from devices import reading
from devices.models import DeviceKind, PlaceKind, SiteKind

router = APIRouter(tags=["registry"], responses={400: problem("The cursor is none of this list's")})
one_router = APIRouter(tags=["registry"], responses={404: problem("Not there, or out of scope")})

_Sees = Annotated[Principal, Depends(having(Right.SEE_REGISTRY))]
_SeesResidents = Annotated[Principal, Depends(having(Right.SEE_RESIDENTS))]
_SeesContacts = Annotated[Principal, Depends(having(Right.SEE_CONTACTS))]
_Model = TypeVar("_Model", bound=BaseModel)


@router.get("/sites")
async def sites(
    *,
    caller: _Sees,
    conn: Lent,
    street: Text | None = None,
    kind: SiteKind | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Site]:
    """List sites in the order of registration."""
    page = await reading.list_sites(conn, caller.scope, street=street, kind=kind, after=_after(cursor), limit=limit)
    return Page(items=[Site.model_validate(row) for row in page.items], next=_next(page))


@one_router.get("/sites/{site}")
async def site(site: Code, caller: _Sees, conn: Lent) -> Site:
    """Give one site."""
    return _there(Site, await reading.get_site(conn, caller.scope, site), "site")


@router.get("/watch/sites", tags=["watch"])
async def watched_sites(
    *,
    caller: _Sees,
    conn: Lent,
    street: Text | None = None,
    kind: SiteKind | None = None,
    trouble: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> SiteStatePage:
    """List sites with how their devices do; `trouble` keeps those with any, or those without."""
    page = await reading.watched_sites(
        conn, caller.scope, street=street, kind=kind, trouble=trouble, after=_after(cursor), limit=limit
    )
    streets = await reading.list_streets(conn, caller.scope)
    return SiteStatePage(items=[SiteState.model_validate(row) for row in page.items], next=_next(page), streets=streets)


@router.get("/places")
async def places(
    *,
    caller: _Sees,
    conn: Lent,
    site: Code | None = None,
    kind: PlaceKind | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Place]:
    """List places: doors, rooms, beds."""
    page = await reading.list_places(conn, caller.scope, site=site, kind=kind, after=_after(cursor), limit=limit)
    return Page(items=[Place.model_validate(row) for row in page.items], next=_next(page))


@one_router.get("/sites/{site}/places/{place}")
async def place(site: Code, place: Code, caller: _Sees, conn: Lent) -> Place:
    """Give one place."""
    return _there(Place, await reading.get_place(conn, caller.scope, site, place), "place")


@router.get("/devices")
async def devices(
    *,
    caller: _Sees,
    conn: Lent,
    site: Code | None = None,
    kind: DeviceKind | None = None,
    resident: Code | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Device]:
    """List devices with what is known of their state."""
    page = await reading.list_devices(
        conn, caller.scope, site=site, kind=kind, resident=resident, after=_after(cursor), limit=limit
    )
    return Page(items=[Device.model_validate(row) for row in page.items], next=_next(page))


@one_router.get("/sites/{site}/devices/{device}")
async def device(site: Code, device: Code, caller: _Sees, conn: Lent) -> Device:
    """Give one device."""
    return _there(Device, await reading.get_device(conn, caller.scope, site, device), "device")


@router.get("/residents")
async def residents(
    caller: _SeesResidents, conn: Lent, site: Code | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[Resident]:
    """List residents."""
    page = await reading.list_residents(conn, caller.scope, site=site, after=_after(cursor), limit=limit)
    return Page(items=[Resident.model_validate(_told(row, caller)) for row in page.items], next=_next(page))


@one_router.get("/residents/{resident}")
async def resident(resident: Code, caller: _SeesResidents, conn: Lent) -> Resident:
    """Give one resident."""
    found = await reading.get_resident(conn, caller.scope, resident)
    return _there(Resident, found and _told(found, caller), "resident")


@router.get("/contacts")
async def contacts(
    caller: _SeesContacts, conn: Lent, resident: Code | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[Contact]:
    """List whom to call."""
    page = await reading.list_contacts(conn, caller.scope, resident=resident, after=_after(cursor), limit=limit)
    return Page(items=[Contact.model_validate(row) for row in page.items], next=_next(page))


@one_router.get("/contacts/{contact}")
async def contact(contact: Code, caller: _SeesContacts, conn: Lent) -> Contact:
    """Give one contact."""
    return _there(Contact, await reading.get_contact(conn, caller.scope, contact), "contact")


def _after(cursor: str | None) -> int | None:
    place = cursors.decode(cursor, int)
    return None if place is None else int(place[0])


def _next(page: reading.Page) -> str | None:
    return None if page.next is None else cursors.encode([page.next])


def _there(model: type[_Model], found: dict[str, Any] | None, what: str) -> _Model:
    if found is None:
        not_found(what)
    return model.model_validate(found)


def _told(resident: dict[str, Any], caller: Principal) -> dict[str, Any]:
    if caller.role in GRANTED[Right.SEE_CARE]:
        return resident
    return {**resident, "care": None}
