"""What was read lately, kept in this process for a moment: for reads that many make and few change.

::

    products = Cache("products", seconds=5, most=2000)

    product = await products.get(slug, lambda: directory.find_by_slug(slug))
    products.forget(lambda product: product.id in changed)      # after the commit of a change of one's own

However many ask for what is not there, it is read once (single flight). A change made here counts at once; one made by
another replica after ``seconds`` at the latest. So it is for what may be that old, and for nothing else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from prometheus_client import Counter

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_reads = Counter("tradewind_cache_reads_total", "Reads through a cache, by how they ended.", ("cache", "outcome"))


class Cache(Generic[Key, Value]):
    """Values by key, each for ``seconds``, at most so many; the one that was stored first goes first.

    Args:
        name: For the metrics.
        clock: Monotonic seconds.
    """

    def __init__(self, name: str, *, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._flights: dict[Key, asyncio.Future[Value | None]] = {}
        self._changes = 0
        self._hits, self._loads, self._shared = (_reads.labels(name, each) for each in ("hit", "load", "shared"))

    async def get(self, key: Key, load: Callable[[], Awaitable[Value | None]]) -> Value | None:
        """Return what is kept, or what ``load`` finds; None is nothing, and is not kept.

        What ``load`` raises, all who wait for it get. One of them giving up does not end it for the others.
        """
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            self._hits.inc()
            return kept[1]
        flight = self._flights.get(key)
        if flight is None:
            self._loads.inc()
            flight = self._flights[key] = asyncio.ensure_future(self._load(key, load))
            flight.add_done_callback(_looked_at)
        else:
            self._shared.inc()
        return await asyncio.shield(flight)

    def forget(self, is_stale: Callable[[Value], bool]) -> None:
        """Drop what is stale. What is being read at this moment is for those who wait, and is not kept."""
        self._changes += 1
        self._flights.clear()
        for key in [key for key, (_, value) in self._kept.items() if is_stale(value)]:
            del self._kept[key]

    async def _load(self, key: Key, load: Callable[[], Awaitable[Value | None]]) -> Value | None:
        before = self._changes
        try:
            value = await load()
        finally:
            if self._changes == before:
                self._flights.pop(key, None)
        if value is not None and self._changes == before:
            self._kept.pop(key, None)
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._clock() + self._seconds, value
        return value


def _looked_at(flight: "asyncio.Future[Value | None]") -> None:
    """Take note of an error, which asyncio would report where everybody who waited has given up."""
    if not flight.cancelled():
        flight.exception()
