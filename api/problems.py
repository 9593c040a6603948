"""Every error leaves as an RFC 9457 problem document; HTTP status is decided here and nowhere below."""

import json
import logging
from http import HTTPStatus
from typing import Any, NoReturn

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.headers import secured
from store.errors import Conflict, DataRefused, LockTimeout, StoreError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """One thing that is wrong with what was sent."""

    model_config = ConfigDict(extra="allow")
    at: str | None = Field(default=None, description="Where in the request, such as `body.outcome`.")
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        title="Problem",
        json_schema_extra={
            "example": {
                "type": "urn:shouwang:problem:not-found",
                "title": "Not Found",
                "status": 404,
                "detail": "There is no such alert, or it is outside your scope.",
            }
        },
    )
    type: str = Field(description="A name for the kind of problem that programs can compare.")
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = None
    holder: str | None = Field(default=None, description="Who holds the alert, where that is the conflict.")


class Problem(Exception):
    """An answer that is not what was asked for. `code` names the reason; `extra` are further members."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.extra = extra

    def response(self) -> JSONResponse:
        body = {
            "type": f"urn:shouwang:problem:{self.code}",
            "title": _TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return _Json(body | self.extra, self.status, self.headers, MEDIA_TYPE)


class _Json(JSONResponse):
    """Says also what no UTF-8 can: half a surrogate pair that the request brought stands as `?`."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")


def not_found(what: str) -> NoReturn:
    """Refuse a thing that is not there, or that this caller may not know of: the two look alike."""
    raise Problem(404, "not-found", f"There is no such {what}, or it is outside your scope.")


UNAVAILABLE = Problem(
    503, "database-away", "The database does not answer. Nothing was changed; try again.", headers={"Retry-After": "2"}
)
BUSY = Problem(503, "busy", "Others hold the log. Nothing was changed; try again.", headers={"Retry-After": "1"})
BROKEN = Problem(500, "internal", "The server failed to answer. It was logged.")


# What the framework itself refuses.
_BY_STATUS = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "There is nothing at this path."),
    405: ("method-not-allowed", "This path does not know that method."),
    413: ("too-large", ""),
}
# Python's names of these changed with RFC 9110.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 -- registered for this class alone
    return error.response()


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 -- registered for this class alone
    code, detail = _BY_STATUS.get(error.status_code, (f"http-{error.status_code}", ""))
    headers = dict(error.headers) if error.headers else None
    return Problem(error.status_code, code, detail or str(error.detail), headers=headers).response()


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    # What was sent is not echoed: it may be a secret or a person's data.
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for this class alone
    errors = [{"at": ".".join(str(part) for part in e["loc"]), "message": str(e["msg"])} for e in error.errors()]
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return Problem(400, "not-json", "The body is not JSON.", errors=errors).response()
    return Problem(422, "invalid", "What was sent does not fit.", errors=errors).response()


async def _store(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, LockTimeout):
        return BUSY.response()
    if isinstance(error, Conflict):
        return Problem(409, "conflict", "It stands against what is stored.").response()
    if isinstance(error, DataRefused):
        return Problem(422, "refused", "The database cannot hold what was sent.").response()
    log.warning("the database did not answer", extra={"kind": type(error).__name__})
    return UNAVAILABLE.response()


async def _broken(_request: Request, _error: Exception) -> JSONResponse:
    # Answered outside all middleware, so the headers are put on here.
    response = BROKEN.response()
    secured(response.headers)
    return response


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(Exception, _broken)
