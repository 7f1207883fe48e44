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
        self._waiting_for_end: dict[UUID, set[asyncio.Event]] = {}

    def wake(self) -> None:
        """Say that there is something to do."""
        self._work.set()

    async def work(self, seconds: float) -> None:
        """Return when there is something to do, or after so many seconds."""
        await self.either(self._work, seconds)
        self._work.clear()

    def changed(self, order_id: UUID, *, ended: bool) -> None:
        """Say that an order has changed, or that what was under way for it has come to its end."""
        for event in self._waiting.get(order_id, ()):
            event.set()
        for event in self._waiting_for_end.get(order_id, ()) if ended else ():
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
    def watching(self, order_id: UUID, *, for_end: bool = False) -> Iterator[asyncio.Event]:
        """Lend an event that is set whenever the order changes, or only at the end."""
        event = asyncio.Event()
        waiting = self._waiting_for_end if for_end else self._waiting
        waiting.setdefault(order_id, set()).add(event)
        try:
            yield event
        finally:
            events = waiting[order_id]
            events.discard(event)
            if not events:
                del waiting[order_id]
