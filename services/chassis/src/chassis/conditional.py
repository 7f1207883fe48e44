"""Entity tags from version numbers, and the conditions clients put on them (RFC 9110, section 13).

::

    @router.get("/{order_id}", response_model=OrderOut, responses=VERSIONED)
    async def read_order(order: ..., request: Request, response: Response) -> Order | Response:
        return unless_known(request, response, order.version) or order

    @router.patch("/{order_id}", response_model=OrderOut)
    async def change_order(..., unchanged: Unchanged, response: Response) -> Order:
        order = await orders.change(order_id, ..., unchanged)    # which calls unchanged(order.version)
        tag(response, order.version)
        return order
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from starlette.status import HTTP_304_NOT_MODIFIED

from chassis.errors import PreconditionFailedError, PreconditionRequiredError

IfMatch = Annotated[str | None, Header(alias="If-Match", description="The `ETag` of the version that is edited.")]

VERSIONED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"description": "Names this version.", "schema": {"type": "string"}}}},
    304: {"description": "The version that If-None-Match names is the current one"},
}
"""What a route that may answer ``unless_known`` says in its ``responses``."""


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def tag(response: Response, version: int) -> None:
    """Tell the client which version it gets."""
    response.headers["etag"] = etag(version)


def unless_known(request: Request, response: Response, version: int) -> Response | None:
    """Tag the answer; return a 304 in its place if the client's ``If-None-Match`` names this version already."""
    tag(response, version)
    known = request.headers.get("if-none-match")
    if known is None or not (
        known.strip() == "*" or etag(version) in (each.removeprefix("W/") for each in _tags(known))
    ):
        return None
    return Response(status_code=HTTP_304_NOT_MODIFIED, headers={"etag": etag(version)})


def check_match(if_match: str | None, version: int) -> None:
    """Refuse an edit of anything but the current version.

    Raises:
        PreconditionRequiredError: The request names no version.
        PreconditionFailedError: It names another one.
    """
    if if_match is None:
        raise PreconditionRequiredError("Send If-Match with the ETag of what you edit.")
    if if_match.strip() != "*" and etag(version) not in _tags(if_match):
        raise PreconditionFailedError("Read it again; your If-Match names another version.", etag=etag(version))


async def precondition(if_match: IfMatch = None) -> Callable[[int], None]:
    """Return ``check_match`` for this request: a domain can call it with the version it has found, and know no HTTP."""
    return partial(check_match, if_match)


Unchanged = Annotated[Callable[[int], None], Depends(precondition)]
"""The check that what is edited is still what the client has seen."""


def _tags(header: str) -> list[str]:
    return [each.strip() for each in header.split(",")]
