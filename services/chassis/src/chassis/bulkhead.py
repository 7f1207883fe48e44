"""A bulkhead: a slow peer may hold only so many of our calls, so that it cannot take the whole process down."""

import asyncio
from types import TracebackType

from chassis import context
from chassis.errors import UnavailableError


class BulkheadFullError(UnavailableError):
    """Too many calls to the peer are under way already; this one was not made."""


class Bulkhead:
    """Lets ``limit`` calls be under way at once; a short queue waits a short while, the rest is refused at once.

    Args:
        peer: Names the peer in the error.
        limit: Calls under way at the same time.
        queue: Calls that may wait for their turn.
        wait_seconds: How long one of them waits at most; the deadline of the work under way may come earlier.
    """

    def __init__(self, peer: str, *, limit: int = 50, queue: int = 50, wait_seconds: float = 1.0) -> None:
        self._peer = peer
        self._places = asyncio.Semaphore(limit)
        self._queue = queue
        self._wait_seconds = wait_seconds
        self._waiting = 0

    async def __aenter__(self) -> None:
        """Take a place.

        Raises:
            BulkheadFullError: The queue is full, or the wait was in vain.
        """
        if not self._places.locked():
            await self._places.acquire()
            return
        if self._waiting >= self._queue:
            raise self._refusal()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience()):
                await self._places.acquire()
        except TimeoutError:
            raise self._refusal() from None
        finally:
            self._waiting -= 1

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._places.release()

    def _patience(self) -> float:
        remaining = context.current().remaining_seconds()
        return self._wait_seconds if remaining is None else min(self._wait_seconds, remaining)

    def _refusal(self) -> BulkheadFullError:
        return BulkheadFullError(f"Too many calls to {self._peer} are under way.", retry_after_seconds=1)
