"""The issuer's public keys, fetched like anything else that is asked of a peer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from chassis.clients import HttpSession, ServiceClient
from chassis.errors import UnavailableError
from chassis.security import RemoteKeys


class PublishedKeys:
    """Keys behind a URL, and the client that fetches them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._session = HttpSession()
        self._issuer = ServiceClient(
            "auth", f"{parts.scheme}://{parts.netloc}", session=self._session, timeout_seconds=2
        )
        self.keys = RemoteKeys(self._fetch)

    async def _fetch(self) -> dict[str, Any]:
        response = await self._issuer.request("GET", self._path)
        if response.status_code != 200:  # noqa: PLR2004
            raise UnavailableError(f"The keys' address answered {response.status_code}.")
        document: dict[str, Any] = response.json()
        return document

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the connections, close them at the end."""
        async with self._session.lifespan():
            yield
