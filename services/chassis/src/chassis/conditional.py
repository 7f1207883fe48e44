"""Entity tags from version numbers, and the conditions clients put on them (RFC 9110, section 13)."""

from typing import Annotated

from fastapi import Header, Request, Response
from starlette.status import HTTP_304_NOT_MODIFIED

from chassis.errors import PreconditionFailedError, PreconditionRequiredError

IfMatch = Annotated[str | None, Header(alias="If-Match", description="The `ETag` of the version that is edited.")]


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


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


def not_modified(request: Request, tag: str) -> Response | None:
    """Return a 304 if the client's ``If-None-Match`` names this version already, else None."""
    known = request.headers.get("if-none-match")
    if known is None or not (known.strip() == "*" or tag in (each.removeprefix("W/") for each in _tags(known))):
        return None
    return Response(status_code=HTTP_304_NOT_MODIFIED, headers={"etag": tag})


def _tags(header: str) -> list[str]:
    return [each.strip() for each in header.split(",")]
