"""Routers whose routes refuse an ``Idempotency-Key`` they would not honour.

A client that sends the key relies on it; ignoring it would be the worst answer.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from chassis.errors import MalformedError

KEY_HEADER = "idempotency-key"


class IdempotencyKeyRefusedError(MalformedError):
    """The route does not take idempotency keys, so it must not look as if it did."""

    code = "idempotency-key-refused"
    title = "This route takes no idempotency key"


class Route(APIRoute):
    """A route that knows whether it declared the key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler of every unsafe route that does not declare the key."""
        handler = super().get_route_handler()
        if (self.methods or set()) <= {"GET", "HEAD", "OPTIONS"} or takes_key(self.dependant):
            return handler

        async def without_key(request: Request) -> Response:
            if KEY_HEADER in request.headers:
                raise IdempotencyKeyRefusedError("Repeat it without the header, if repeating is safe for you.")
            return await handler(request)

        return without_key


class Router(APIRouter):
    """An ``APIRouter`` with our kind of routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=Route, **options)


def takes_key(dependant: Dependant) -> bool:
    """Tell whether a route, or anything it depends on, reads ``Idempotency-Key``."""
    named = any((each.alias or "").lower() == KEY_HEADER for each in dependant.header_params)
    return named or any(takes_key(each) for each in dependant.dependencies)
