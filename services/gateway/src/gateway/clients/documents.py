"""Each service's OpenAPI document, as it serves it."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from chassis import context
from gateway.domain.ports import Answer, BrokenAnswerError, ServiceAwayError, Upstream

_PATH = "/openapi.json"


class ServedDocuments:
    """Fetches ``/openapi.json`` from the services.

    Args:
        upstreams: By service name.
        seconds: For one document.
    """

    def __init__(self, upstreams: Mapping[str, Upstream], *, seconds: float = 2) -> None:
        self._upstreams = upstreams
        self._seconds = seconds

    async def document(self, service: str) -> dict[str, Any]:
        """Return a service's document; see ``DocumentSource``."""
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
            document: dict[str, Any] = orjson.loads(await _read(answer))
        finally:
            answer.close()
        return document


async def _read(answer: Answer) -> bytes:
    pieces = []
    while piece := await answer.chunk():
        pieces.append(piece)
    return b"".join(pieces)
