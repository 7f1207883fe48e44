"""The merged document, kept current: fetched from all services at once, remembered, and partial rather than absent."""

import asyncio
import time
from collections.abc import Callable

from chassis.errors import UnavailableError
from gateway.domain.documents import Document, merged
from gateway.domain.ports import DocumentSource
from gateway.domain.routes import RouteTable


class Catalogue:
    """Describes the whole API.

    Args:
        frame: What does not come from the services; see ``documents.merged``.
        fresh_seconds: How long a complete document is good.
        partial_seconds: The same for one in which a service is missing.
        monotonic: Tells the seconds that passed; tests give their own.
    """

    def __init__(
        self,
        source: DocumentSource,
        table: RouteTable,
        frame: Document,
        *,
        fresh_seconds: float = 60,
        partial_seconds: float = 2,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._table = table
        self._frame = frame
        self._fresh = fresh_seconds
        self._partial = partial_seconds
        self._monotonic = monotonic
        self._parts: dict[str, Document] = {}
        self._document: Document | None = None
        self._good_until = float("-inf")
        self._lock = asyncio.Lock()

    async def document(self) -> Document:
        """Return the merged document.

        A service that is away is described as it last was; one that was never reached is named in the description and
        in ``x-missing-services``.
        """
        if self._document is None or self._monotonic() >= self._good_until:
            async with self._lock:
                if self._document is None or self._monotonic() >= self._good_until:
                    self._document = await self._refresh()
        return self._document

    async def _refresh(self) -> Document:
        services = sorted(self._table.services)
        found = await asyncio.gather(*(self._fetch(service) for service in services))
        complete = all(found)
        self._good_until = self._monotonic() + (self._fresh if complete else self._partial)
        parts = {service: self._parts[service] for service in services if service in self._parts}
        missing = [service for service in services if service not in self._parts]
        document = merged(parts, self._table, self._frame)
        return _noting(document, missing) if missing else document

    async def _fetch(self, service: str) -> bool:
        try:
            self._parts[service] = await self._source.document(service)
        except UnavailableError:
            return False
        return True


def _noting(document: Document, missing: list[str]) -> Document:
    names = ", ".join(missing)
    info = document["info"]
    info["description"] = f"{info['description']}\n\n**Not described now, because away: {names}.**"
    return {**document, "x-missing-services": missing}
