"""Every error as a problem (RFC 9457): one shape, a stable code, a hint, the request's id."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from segmind.errors import Conflict, InvalidInput, NotFound, SegmindError, Unavailable
from segmind.stopping import Stopped
from segmind.workspace.permissions import NotAllowed

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """One thing that is wrong with one field."""

    field: str = Field(description="Path of the field, such as `rule.all[2].event`.")
    message: str
    hint: str = ""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:segmind:problem:invalid_input",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "The request is not valid.",
                "code": "invalid_input",
                "hint": "",
                "instance": "/segments/create",
                "request_id": "4f1c2a9be0d34b5f",
                "errors": [{"field": "name", "message": "Field required", "hint": ""}],
            }
        }
    )

    type: str = Field(description="`urn:segmind:problem:` and the code.")
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable name of the problem.")
    hint: str = Field(default="", description="What can be done about it.")
    instance: str = ""
    request_id: str = Field(default="", description="Quote it when you ask for help.")
    errors: list[FieldProblem] = []


class Refusal(SegmindError):
    """A request that cannot be served, with the status that says so."""

    code = "refused"

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str = "",
        field: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, field=field)
        self.status = status
        self.code = code
        self.headers = headers or {}


def response(
    request_scope: Any,
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    errors: Sequence[FieldProblem] = (),
    headers: dict[str, str] | None = None,
    more: dict[str, object] | None = None,
) -> JSONResponse:
    """The problem as an answer to the request of this scope. ``more`` are members of its own."""
    problem = Problem(
        type=f"urn:segmind:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        hint=hint,
        instance=_printable(request_scope.get("path", "")),
        request_id=request_scope.get("state", {}).get("request_id", ""),
        errors=list(errors),
    )
    extra = {"Retry-After": "2"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse(
        {**problem.model_dump(mode="json"), **(more or {})},
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **extra, **(headers or {})},
    )


def install(api: FastAPI) -> None:
    """Turn every error of ``api`` into a problem."""
    api.add_exception_handler(SegmindError, _domain)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _validation)
    api.add_exception_handler(DBAPIError, _database)
    api.add_exception_handler(PoolTimeout, _database)
    api.add_exception_handler(UnicodeError, _unwritable)
    api.add_exception_handler(RecursionError, _unwritable)
    api.add_exception_handler(Exception, _unexpected)


def status_of(error: SegmindError) -> int:
    """Which status a domain error is answered with."""
    if isinstance(error, Refusal):
        return error.status
    for kind, status in (
        (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
        (NotFound, HTTPStatus.NOT_FOUND),
        (Conflict, HTTPStatus.CONFLICT),
        (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
        (NotAllowed, HTTPStatus.FORBIDDEN),
        (Stopped, HTTPStatus.UNPROCESSABLE_ENTITY),
    ):
        if isinstance(error, kind):
            return status
    return HTTPStatus.BAD_REQUEST


def field_path(parts: Sequence[Any]) -> str:
    """``("body", "all", 2, "event")`` as ``all[2].event``; where it was looked for is left out."""
    path = ""
    for part in parts[1:] if parts and parts[0] in _PLACES else parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or (str(parts[0]) if parts else "body")


_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})


def _domain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SegmindError)
    status = status_of(error)
    if isinstance(error, Unavailable):
        log.warning("Unavailable: %s", error.message)
    errors = [
        FieldProblem(
            field=fault.path or error.field or "body", message=fault.message, hint=fault.hint
        )
        for fault in getattr(error, "faults", ())
    ]
    if not errors and error.field:
        errors = [FieldProblem(field=error.field, message=error.message, hint=error.hint)]
    headers = error.headers if isinstance(error, Refusal) else None
    return response(
        request.scope,
        status,
        error.code,
        error.message,
        hint=error.hint,
        errors=errors,
        headers=headers,
        more=getattr(error, "more", None),
    )


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = str(error.detail)
    if status is HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this address."
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"This address does not take {request.method}."
    return response(
        request.scope,
        status,
        status.name.lower(),
        detail,
        headers=dict(error.headers) if error.headers else None,
    )


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [_field_problem(each) for each in error.errors()[:50]]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        detail = "The body is not valid JSON."
        return response(request.scope, HTTPStatus.BAD_REQUEST, "invalid_json", detail, errors=found)
    detail = "The request is not valid."
    return response(
        request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", detail, errors=found
    )


def _field_problem(error: dict[str, Any]) -> FieldProblem:
    message = str(error["msg"]).removeprefix("Value error, ")
    hint = ""
    if error["type"] == "extra_forbidden":
        message, hint = "There is no such field.", "Remove it, or check its spelling."
    elif error["type"] == "model_attributes_type" or error["type"] == "bytes_type":
        hint = "Send a JSON object with the header Content-Type: application/json."
    elif error["type"] == "json_invalid":
        message = f"{error.get('ctx', {}).get('error', message)}, near character {error['loc'][-1]}"
        return FieldProblem(field="body", message=message)
    return FieldProblem(field=_printable(field_path(error["loc"])), message=message, hint=hint)


def _database(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DataError):
        return _unwritable(request, error)
    if isinstance(error, IntegrityError):
        log.info("Refused a change that contradicts what is stored.")
        detail = "This contradicts what is stored."
        hint = "Something that the request names may just have been changed or removed."
        return response(request.scope, HTTPStatus.CONFLICT, "conflict", detail, hint=hint)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        log.warning("The database does not answer: %s", type(error).__name__)
        request.app.state.stores.suspect()
        return response(
            request.scope,
            HTTPStatus.SERVICE_UNAVAILABLE,
            "database_down",
            "The database does not answer.",
            hint="Nothing of this request was kept. Send it again in a moment.",
        )
    return _unexpected(request, error)


def _unwritable(request: Request, error: Exception) -> JSONResponse:
    """A value that no column can hold: a NUL, half a surrogate pair, a number too large."""
    log.info("Refused a value that cannot be stored: %s", type(error).__name__)
    return response(
        request.scope,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "unstorable_value",
        "A value of the request cannot be stored.",
        hint="Look for NUL characters, broken Unicode, deep nesting or very large numbers.",
    )


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = request.scope.get("state", {}).get("request_id", "")
    # Statements carry bound values, which are personal data: name the error, show the trace.
    log.error("Request %s failed: %s", request_id, type(error).__name__, exc_info=_quiet(error))
    return response(
        request.scope,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "unexpected",
        "Something went wrong on our side.",
        hint="The log has the details under the request's id.",
    )


def _quiet(error: Exception) -> Exception:
    """The error with its parameters hidden from the log."""
    if isinstance(error, DBAPIError):
        error.hide_parameters = True
    return error


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
