"""Word that passes within one process: there is work, and an order's checkout has ended.

Nothing depends on it: workers also look by themselves, and who waits for an order also reads it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Progress:
    """Wakes the workers of this process, and whoever waits for an order."""

    def __init__(self) -> None:
        self._work = asyncio.Event()
        self._waiting: dict[UUID, set[asyncio.Event]] = {}

    def wake(self) -> None:
        """Say that there is something to do."""
        self._work.set()

    async def work(self, seconds: float) -> None:
        """Return when there is something to do, or after so many seconds."""
        await self.either(self._work, seconds)
        self._work.clear()

    def changed(self, order_id: UUID) -> None:
        """Say that an order has changed."""
        for event in self._waiting.get(order_id, ()):
            event.set()

    @staticmethod
    async def either(event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

    @contextmanager
    def watching(self, order_id: UUID) -> Iterator[asyncio.Event]:
        """Lend an event that is set whenever the order changes."""
        event = asyncio.Event()
        self._waiting.setdefault(order_id, set()).add(event)
        try:
            yield event
        finally:
            events = self._waiting[order_id]
            events.discard(event)
            if not events:
                del self._waiting[order_id]
