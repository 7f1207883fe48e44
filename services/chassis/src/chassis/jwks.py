"""The issuer's public keys, fetched like anything else that is asked of a peer."""

from typing import Any
from urllib.parse import urlsplit

import httpx

from chassis.breaker import Breaker
from chassis.clients import ServiceClient
from chassis.errors import UnavailableError
from chassis.security import RemoteKeys


def published_keys(url: str, *, session: httpx.AsyncBaseTransport, breaker: Breaker | None = None) -> RemoteKeys:
    """Return the keys behind a URL, fetched when they are first needed.

    Args:
        session: The process's ``HttpSession``; in tests any httpx transport.
        breaker: Auth's, where this process has one.
    """
    parts = urlsplit(url)
    issuer = ServiceClient(
        "auth", f"{parts.scheme}://{parts.netloc}", session=session, timeout_seconds=2, breaker=breaker
    )

    async def fetch() -> dict[str, Any]:
        response = await issuer.request("GET", parts.path)
        if response.status_code != 200:  # noqa: PLR2004
            raise UnavailableError(f"The keys' address answered {response.status_code}.")
        document: dict[str, Any] = response.json()
        return document

    return RemoteKeys(fetch)
