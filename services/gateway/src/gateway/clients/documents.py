"""Each service's OpenAPI document, as it serves it."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from chassis import context
from gateway.clients.parts import read_whole
from gateway.domain.ports import BrokenAnswerError, ServiceAwayError, Upstream
from gateway.domain.routes import OWN

_PATH = "/openapi.json"


class ServedDocuments:
    """Fetches ``/openapi.json`` from the services.

    Args:
        upstreams: By service name.
        own: Makes the gateway's own document, of what it answers by itself.
        seconds: For one document.
    """

    def __init__(
        self, upstreams: Mapping[str, Upstream], own: Callable[[], dict[str, Any]], *, seconds: float = 2
    ) -> None:
        self._upstreams = upstreams
        self._own = own
        self._seconds = seconds

    async def document(self, service: str) -> dict[str, Any]:
        """Return a service's document; see ``DocumentSource``."""
        if service == OWN:
            return self._own()
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetch(self._upstreams[service])
        except (TimeoutError, BrokenAnswerError, ValueError) as error:
            raise ServiceAwayError(f"{service} gave no document.") from error

    async def _fetch(self, upstream: Upstream) -> dict[str, Any]:
        headers = [(name.encode(), value.encode()) for name, value in context.outgoing_headers().items()]
        answer = await upstream.send("GET", _PATH, headers, None)
        try:
            if answer.status != HTTPStatus.OK:
                raise ValueError(f"status {answer.status}")
            document: dict[str, Any] = orjson.loads(await read_whole(answer))
        finally:
            answer.close()
        return document
