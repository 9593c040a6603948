"""The OpenAPI document, completed, and a page that shows it without the Internet."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.documents import FeedEntry
from api.problems import MEDIA_TYPE, ProblemDocument, not_found

TITLE = "Shouwang 守望"
DESCRIPTION = (
    "The watch over smart eldercare: alerts, events, registry and rules. "
    "Programs send `Authorization: Bearer <token>`; browsers hold a session cookie and send `X-CSRF-Token` "
    "on unsafe requests. Errors are RFC 9457 problem documents. Lists answer `items` and `next`."
)
_PAGES = {"page.html": "text/html", "page.js": "text/javascript", "page.css": "text/css"}
_PREFIX = "/api/v1"
_OPEN = {("post", "/api/v1/session")}
_COMMON = {"422": "What was sent does not fit", "500": "The server failed", "503": "The database is away"}
_WITH_BODY = {"400": "The body is not JSON, or not even text", "413": "The body is too long"}
_SIGNED_IN = {"401": "Not signed in", "403": "The role may not"}

router = APIRouter(include_in_schema=False)


def problem(description: str) -> dict[str, Any]:
    """Return an OpenAPI response that is a problem document; for `responses=` of a route."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the app's OpenAPI document with security schemes and every problem answer, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=TITLE, version=app.version, description=DESCRIPTION, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for replaced in ("HTTPValidationError", "ValidationError"):
            schemas.pop(replaced, None)
        for model, name in ((ProblemDocument, "Problem"), (FeedEntry, "FeedEntry")):
            schemas.update(_schemas(model, name))
        made["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "shouwang_session"},
        }
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _complete(operation, guarded=path.startswith(_PREFIX) and (method, path) not in _OPEN)
        app.openapi_schema = made
    return app.openapi_schema


def _schemas(model: type[BaseModel], name: str) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs", {}), name: schema}


def _complete(operation: dict[str, Any], *, guarded: bool) -> None:
    sent = _WITH_BODY if "requestBody" in operation else {}
    for status, description in (_COMMON | sent | (_SIGNED_IN if guarded else {})).items():
        if status not in operation["responses"] or status == "422":
            operation["responses"][status] = problem(description)
    if guarded:
        operation["security"] = [{"bearer": []}, {"session": []}]


@router.get("/docs")
async def page() -> Response:
    """Show the OpenAPI document to people."""
    return _file("page.html")


@router.get("/docs/{name}")
async def part(name: str) -> Response:
    """Give the page's own script and style."""
    if name not in _PAGES:
        not_found("file")
    return _file(name)


def _file(name: str) -> Response:
    content = files("api").joinpath("docs", name).read_bytes()
    return Response(content, media_type=_PAGES[name], headers={"Cache-Control": "no-cache"})
