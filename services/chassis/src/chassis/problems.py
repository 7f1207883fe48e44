"""Errors as ``application/problem+json`` (RFC 9457): kinds of refusal become statuses, here and nowhere else.

Every problem has ``type`` (a constant URI per code), ``title``, ``status``, ``detail``, ``instance`` (the request's
path), ``code`` and ``trace_id``; a refused body adds ``errors: [{pointer, detail}]`` with RFC 6901 pointers.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope, Send

from chassis import context, errors
from chassis.errors import ServiceError

PROBLEM_BASE = "https://tradewind.example/problems/"
MEDIA_TYPE = "application/problem+json"

_STATUS: dict[type[ServiceError], int] = {
    errors.MalformedError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.PreconditionFailedError: 412,
    errors.InvalidError: 422,
    errors.PreconditionRequiredError: 428,
    errors.RateLimitedError: 429,
    errors.InternalError: 500,
    errors.UnavailableError: 503,
    errors.DeadlineExceededError: 504,
}


class MethodNotAllowedError(ServiceError):
    """The path exists, with other methods; ``Allow`` lists them."""

    code = "method-not-allowed"
    title = "The method is not allowed here"


class ContentTooLargeError(ServiceError):
    """The body is larger than this route takes."""

    code = "content-too-large"
    title = "The body is too large"


class HeadersTooLargeError(ServiceError):
    """The request's header fields are too many, or too long together."""

    code = "headers-too-large"
    title = "The header fields are too large"


class UnsupportedMediaTypeError(ServiceError):
    """The body's media type is not one this route reads."""

    code = "unsupported-media-type"
    title = "The media type is not supported"


_STATUS |= {
    MethodNotAllowedError: 405,
    ContentTooLargeError: 413,
    UnsupportedMediaTypeError: 415,
    HeadersTooLargeError: 431,
}
_BY_STATUS: dict[int, type[ServiceError]] = {status: kind for kind, status in _STATUS.items()}


class FieldProblem(BaseModel):
    """What is wrong with one part of the request."""

    pointer: str = Field(description="RFC 6901 pointer; its first step says where: body, query, path or header.")
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it. Some codes add members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    trace_id: str
    errors: list[FieldProblem] | None = None


def status_of(error: ServiceError | type[ServiceError]) -> int:
    """Return the HTTP status of an error's kind."""
    kind = error if isinstance(error, type) else type(error)
    return next((_STATUS[base] for base in kind.__mro__ if base in _STATUS), 500)


def problem_body(error: ServiceError, *, instance: str, trace_id: str) -> dict[str, Any]:
    """Return the members of the problem document."""
    return {
        "type": PROBLEM_BASE + error.code,
        "title": error.title,
        "status": status_of(error),
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "trace_id": trace_id,
        **error.extensions,
    }


def problem_headers(error: ServiceError) -> dict[str, str]:
    """Return the headers an error's answer carries, its ``Retry-After`` (whole seconds, rounded up) included."""
    headers = {"cache-control": "no-store", **error.headers}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds)))
    if isinstance(error, errors.UnauthenticatedError):
        headers.setdefault("www-authenticate", "Bearer")
    return headers


def to_response(error: ServiceError, request: Request) -> Response:
    """Render an error as the answer to ``request``."""
    body = problem_body(error, instance=request.url.path, trace_id=context.current().trace_id)
    return Response(orjson.dumps(body, default=str), body["status"], problem_headers(error), MEDIA_TYPE)


async def send_problem(send: Send, error: ServiceError, *, scope: Scope) -> None:
    """Answer with an error from pure ASGI code, before anything else was sent."""
    body = orjson.dumps(problem_body(error, instance=scope["path"], trace_id=context.current().trace_id), default=str)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in problem_headers(error).items()),
    ]
    await send({"type": "http.response.start", "status": status_of(error), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})


def responses(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a route: ``responses=responses(OrderNotFoundError, ...)``."""
    documented: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status = status_of(kind)
        codes = f"{documented[status]['description']}; " if status in documented else ""
        documented[status] = {
            "description": f"{codes}{kind.title} (`{kind.code}`)",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return documented


def install(app: FastAPI) -> None:
    """Register the four handlers: our errors, refused input, errors of routing, and everything else."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected_error)


_READABLE = frozenset({"", "application/json", "application/merge-patch+json", "application/x-www-form-urlencoded"})


async def _on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - what it was registered for
    return to_response(error, request)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it was registered for
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return to_response(errors.MalformedError("The body is not valid JSON."), request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if any(each["loc"] == ("body",) for each in found) and media_type not in _READABLE:
        return to_response(UnsupportedMediaTypeError("Send application/json."), request)
    listed = [{"pointer": _pointer(each["loc"]), "detail": each["msg"]} for each in found]
    refusal = errors.InvalidError(f"{len(listed)} part(s) of the request are not acceptable.", errors=listed)
    return to_response(refusal, request)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    return to_response(from_status(error.status_code, error.detail, error.headers), request)


def from_status(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> ServiceError:
    """Return the error that stands for a bare status, as routing and body limits raise it."""
    kind = _BY_STATUS.get(status, errors.InternalError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None)
    sentence = None if detail in (None, HTTPStatus(status).phrase) else detail
    if kind is None:
        kind = errors.MalformedError
    return kind(sentence, headers={name.lower(): value for name, value in (headers or {}).items()})


async def _on_unexpected_error(request: Request, _error: Exception) -> Response:
    return to_response(errors.InternalError(), request)
