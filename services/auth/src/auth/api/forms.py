"""Forms, as the OAuth endpoints take them, and the client that sends one.

Sources: RFC 6749, sections 2.3.1 (client credentials) and 3.2 (empty is absent, repeated is refused, unknown ignored).
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from fastapi import Request

from auth.domain.oauth import InvalidClientError, InvalidRequestError

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_BYTES = 16_384
_MOST_FIELDS = 50
_REPEATABLE = frozenset({"resource"})
"""RFC 8707 allows several; the token endpoint then says which of them it can serve."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: every parameter once, and each resource that was named."""

    parameters: Mapping[str, str]
    resources: Sequence[str]

    def required(self, name: str) -> str:
        """Return a parameter.

        Raises:
            InvalidRequestError: It is missing.
        """
        if name not in self.parameters:
            raise InvalidRequestError(f"The parameter {name} is missing.")
        return self.parameters[name]


async def read_form(request: Request) -> Form:
    """Read the body.

    Raises:
        InvalidRequestError: It is no form, too long, not UTF-8, or has a parameter twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise InvalidRequestError(f"Send a body of type {MEDIA_TYPE}.")
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise InvalidRequestError("The body is too long.")
    try:
        pairs = parse_qsl(body.decode(), encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidRequestError("The body is not a form in UTF-8.") from error
    return _form(pairs)


def _form(pairs: list[tuple[str, str]]) -> Form:
    parameters: dict[str, str] = {}
    resources: list[str] = []
    for name, value in pairs:
        if _UNPRINTABLE.search(value):
            raise InvalidRequestError("A parameter holds control characters.")
        if name in _REPEATABLE:
            resources.append(value)
        elif name in parameters:
            raise InvalidRequestError("A parameter was sent twice.")
        else:
            parameters[name] = value
    return Form(parameters, resources)


def client_credentials(form: Form, authorization: str | None) -> tuple[str | None, str | None]:
    """Return the client's name and secret: from the header or from the form, never from both.

    Raises:
        InvalidClientError: The header holds no client's credentials.
        InvalidRequestError: The client used two ways at once.
    """
    client_id, secret = form.parameters.get("client_id"), form.parameters.get("client_secret")
    if authorization is None:
        return client_id, secret
    name, password = _basic(authorization)
    if secret is not None or client_id not in (None, name):
        raise InvalidRequestError("Authenticate the client in one way only.")
    return name, password or None


def _basic(authorization: str) -> tuple[str, str]:
    """Read ``Basic``; name and secret are form-encoded inside it, unlike anywhere else (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    name, colon, password = text.partition(":")
    name, password = unquote_plus(name), unquote_plus(password)
    if scheme.lower() != "basic" or not colon or _UNPRINTABLE.search(name + password):
        raise InvalidClientError("Authenticate the client by HTTP Basic, or in the form.")
    return name, password
