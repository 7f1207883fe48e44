"""What somebody sees first, put together from several services: partial rather than absent."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chassis.errors import UnavailableError
from gateway.domain.forwarding import Fields


class PartSource(Protocol):
    """Where parts come from: the services, asked with the caller's own token."""

    async def read(self, service: str, target: str, fields: Fields, *, seconds: float, hurried: bool) -> Any:
        """Return a service's answer to a GET, read from JSON.

        Args:
            target: Path and query, escaped.
            seconds: How long it may take.
            hurried: That is the client's wish, and too short to speak against the service.

        Raises:
            ServiceAwayError: The service is away, too slow, or does not say what it should.
            InvalidTokenError: It takes the token no more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Composition:
    """Each part by its name, None for those that are ``missing``."""

    parts: Mapping[str, Any]
    missing: tuple[str, ...]


async def compose(readings: Mapping[str, Coroutine[Any, Any, Any]]) -> Composition:
    """Read all parts at once; one whose service is away is missing.

    Raises:
        UnavailableError: All of them are.
        ServiceError: What a reading raises besides.
    """
    found = await asyncio.gather(*readings.values(), return_exceptions=True)
    parts: dict[str, Any] = {}
    away: list[UnavailableError] = []
    for name, part in zip(readings, found, strict=True):
        if isinstance(part, UnavailableError):
            away.append(part)
            parts[name] = None
        elif isinstance(part, BaseException):
            raise part
        else:
            parts[name] = part
    if len(away) == len(readings):
        raise away[0]
    return Composition(parts, tuple(name for name, part in zip(readings, found, strict=True) if part in away))
