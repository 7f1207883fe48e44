"""OAuth's errors as answers, on the routes that speak OAuth (RFC 6749, section 5.2)."""

import math
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.status import (
    HTTP_400_BAD_REQUEST,
    HTTP_401_UNAUTHORIZED,
    HTTP_429_TOO_MANY_REQUESTS,
    HTTP_503_SERVICE_UNAVAILABLE,
)

from auth.api.schemas import OAuthErrorOut
from auth.domain.oauth import (
    InvalidClientError,
    InvalidRequestError,
    OAuthError,
    SlowDownError,
    TemporarilyUnavailableError,
)
from chassis.errors import DeadlineExceededError, UnavailableError

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}

_STATUS: dict[type[OAuthError], int] = {
    InvalidClientError: HTTP_401_UNAUTHORIZED,
    SlowDownError: HTTP_429_TOO_MANY_REQUESTS,
    TemporarilyUnavailableError: HTTP_503_SERVICE_UNAVAILABLE,
}

ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuthErrorOut, "description": "The request is refused; `error` says why"},
    401: {"model": OAuthErrorOut, "description": "The client is unknown or did not prove to be itself"},
    429: {"model": OAuthErrorOut, "description": "Too many wrong passwords: `slow_down`, and `Retry-After`"},
    503: {"model": OAuthErrorOut, "description": "Not now: `temporarily_unavailable`; safe to ask again"},
}


class OAuthRoute(APIRoute):
    """A route whose refusals are OAuth's JSON. It ignores what it does not know, ``Idempotency-Key`` included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def spoken(request: Request) -> Response:
            try:
                return await handler(request)
            except OAuthError as error:
                return to_response(error)
            except (UnavailableError, DeadlineExceededError) as error:
                later = TemporarilyUnavailableError(error.detail, retry_after_seconds=error.retry_after_seconds or 1)
                return to_response(later)
            except RequestValidationError:
                return to_response(InvalidRequestError("A header is ill-formed."))

        return spoken


def to_response(error: OAuthError) -> Response:
    """Render an error."""
    status = _STATUS.get(type(error), HTTP_400_BAD_REQUEST)
    headers = dict(NO_STORE)
    if status == HTTP_401_UNAUTHORIZED:
        headers["www-authenticate"] = 'Basic realm="tradewind", charset="UTF-8"'
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds)))
    body = {"error": error.error, "error_description": error.description}
    return Response(orjson.dumps(body), status, headers, "application/json")
