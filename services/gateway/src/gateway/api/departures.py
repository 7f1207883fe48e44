"""A client that goes away before it has its answer: what it asked for is stopped, all the way down."""

import asyncio

from starlette.types import Receive

_WATCH_AFTER_SECONDS = 0.05


class ClientLeftError(Exception):
    """Nobody is there any more to be answered."""


class Departure:
    """Watches for the client's leaving, and cancels the task that works for it.

    Most answers are there before it looks for the first time: they cost a timer, not a task. To be begun once the
    request's body is read, because only one may listen at a time.
    """

    __slots__ = ("_handle", "_receive", "_task", "_worker", "happened")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._worker = asyncio.current_task()
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.happened = False

    def watch(self) -> None:
        """Begin to watch."""
        self._handle = asyncio.get_running_loop().call_later(_WATCH_AFTER_SECONDS, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.happened = True
        if self._worker is not None:
            self._worker.cancel()

    def settle(self) -> None:
        """Take back the cancellation that this caused: the task ends by itself now."""
        if self._worker is not None:
            self._worker.uncancel()

    def end(self) -> None:
        """Stop watching; the work is done."""
        if self._handle is not None:
            self._handle.cancel()
        if self._task is not None:
            self._task.cancel()
