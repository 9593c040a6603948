"""What changes the registry: the import of a file, and devices' credentials."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api.auth import having
from api.documents import DeviceCredentials, ImportCounts
from api.inputs import Code
from api.openapi import problem
from api.principals import Principal
from api.problems import Problem, not_found
from api.rights import Right
from api.service import HeldService
from devices import credentials, reading
from devices.registry import import_registry
from devices.registry_file import RegistryError

router = APIRouter(tags=["registry"])

IMPORT_LIMIT = 64 * 1024 * 1024  # bytes
FILE = "request body"
_TOML = "application/toml"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _TOML: {
                "schema": {"type": "string"},
                "example": '[[site]]\ncode = "h1"\nkind = "home"\nstreet = "street-1"\n',
            }
        },
    }
}


@router.post(
    "/registry/import",
    openapi_extra=_BODY,
    responses={413: problem("More than 64 MiB"), 415: problem("Not application/toml")},
)
async def import_file(
    request: Request,
    caller: Annotated[Principal, Depends(having(Right.IMPORT_REGISTRY))],
    service: HeldService,
) -> ImportCounts:
    """Import a registry file, all or nothing. `errors` of a refusal name file, table, row and key."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _TOML:
        raise Problem(415, "not-toml", f"Send the file as {_TOML}.")
    text = _text(await request.body())
    try:
        async with service.connection() as conn:
            result = await import_registry(conn, text, file=FILE, by=caller.name, now=service.clock())
    except RegistryError as error:
        raise _refused([asdict(problem) for problem in error.problems]) from None
    return ImportCounts(**asdict(result))


@router.post(
    "/sites/{site}/devices/{device}/credentials",
    status_code=201,
    responses={404: problem("No such device, or out of scope")},
)
async def issue_credentials(
    site: Code,
    device: Code,
    caller: Annotated[Principal, Depends(having(Right.ISSUE_CREDENTIALS))],
    service: HeldService,
) -> DeviceCredentials:
    """Make new credentials, which end the old ones. The password is shown this once."""
    async with service.admission.turn, service.connection() as conn:
        if await reading.get_device(conn, caller.scope, site, device) is None:
            not_found("device")
        try:
            issued = await credentials.issue(conn, site=site, device=device, now=service.clock())
        except credentials.UnknownDevice:
            not_found("device")
    await service.admission.broker_knows(issued.version)
    return DeviceCredentials(username=issued.username, password=issued.password)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        found = {"file": FILE, "table": "", "index": 0, "key": "", "message": f"no UTF-8 at byte {error.start}"}
        raise _refused([found]) from None


def _refused(errors: list[dict[str, Any]]) -> Problem:
    return Problem(422, "registry-refused", "Nothing was imported: see `errors`.", errors=errors)
