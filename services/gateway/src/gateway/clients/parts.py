"""What the gateway reads from the services for itself: small JSON documents, whole and in time."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from chassis import logs, tracing
from chassis.security import InvalidTokenError
from gateway.domain.forwarding import Fields
from gateway.domain.ports import Answer, BrokenAnswerError, ServiceAwayError, Upstream

_log = logs.get("parts")


class TooLongError(Exception):
    """The answer is longer than anything that was expected."""


async def read_whole(answer: Answer, *, most_bytes: int | None = None) -> bytes:
    """Return all of an answer's body.

    Raises:
        BrokenAnswerError: It ended too early.
        TooLongError: It is too long.
    """
    pieces, length = [], 0
    while piece := await answer.chunk():
        pieces.append(piece)
        length += len(piece)
        if most_bytes is not None and length > most_bytes:
            raise TooLongError
    return b"".join(pieces)


class ServedParts:
    """The ``PartSource`` behind the services' addresses.

    Args:
        upstreams: By service name.
    """

    def __init__(self, upstreams: Mapping[str, Upstream], *, most_bytes: int = 1_048_576) -> None:
        self._upstreams = upstreams
        self._most_bytes = most_bytes

    async def read(self, service: str, target: str, fields: Fields, *, seconds: float, hurried: bool) -> Any:
        """Return a service's answer; see ``PartSource``."""
        upstream = self._upstreams[service]
        try:
            async with asyncio.timeout(seconds):
                with tracing.span(f"GET {target.partition('?')[0]}", "client", upstream=service):
                    return await self._ask(upstream, target, fields)
        except TimeoutError:
            if not hurried:
                upstream.hung()
            raise ServiceAwayError(f"{service} did not answer in time.") from None
        except (BrokenAnswerError, TooLongError, ValueError) as error:
            raise ServiceAwayError(f"{service} gave no answer that can be read.") from error

    async def _ask(self, upstream: Upstream, target: str, fields: Fields) -> Any:
        answer = await upstream.send("GET", target, fields, None)
        try:
            if answer.status == HTTPStatus.UNAUTHORIZED:
                raise InvalidTokenError
            if answer.status != HTTPStatus.OK:
                _log.warning("part refused", upstream=upstream.name, status=answer.status)
                raise ServiceAwayError(f"{upstream.name} answered {answer.status}.", retry_after_seconds=1)
            return orjson.loads(await read_whole(answer, most_bytes=self._most_bytes))
        finally:
            answer.close()
