"""How long a request's work goes on: until its deadline, or until nobody is there any more to be answered."""

import asyncio
import math
import time

from starlette.types import Receive

_FIRST_LOOK_SECONDS = 0.05


class ClientLeftError(Exception):
    """Nobody is there any more to be answered."""


class Patience:
    """Cancels the task that works for a request when its time is over or its client has gone away.

    Most requests are done before it looks for the first time: they cost one timer, no task. It listens for the client's
    leaving only from ``listen`` on, because until then whoever reads the body does.

    Args:
        deadline: As ``time.monotonic()``; None where the work may take for ever.
    """

    __slots__ = (
        "_deadline",
        "_handle",
        "_listening",
        "_looked",
        "_loop",
        "_receive",
        "_task",
        "_worker",
        "late",
        "left",
    )

    def __init__(self, receive: Receive, deadline: float | None) -> None:
        self._receive = receive
        self._deadline = deadline
        self._loop = loop = asyncio.get_running_loop()
        self._worker = asyncio.current_task(loop)
        self._task: asyncio.Task[None] | None = None
        self._listening = self._looked = False
        self.late = self.left = False
        self._handle: asyncio.TimerHandle | None = loop.call_later(self._soon(_FIRST_LOOK_SECONDS), self._look)

    def _soon(self, seconds: float) -> float:
        """Return ``seconds``, or what is left until the deadline if that is less."""
        if self._deadline is None:
            return seconds
        left = self._deadline - time.monotonic()
        return seconds if left > seconds else max(0.0, left)

    def _look(self) -> None:
        """Do what was put off at first: watch the clock, and the client if it may be listened to."""
        self._looked, self._handle = True, None
        if self._deadline is not None:
            self._handle = self._loop.call_later(self._soon(math.inf), self._expire)
        if self._listening:
            self._task = self._loop.create_task(self._wait())

    def listen(self) -> None:
        """Listen from now on: the request's body is read."""
        self._listening = True
        if self._looked and self._task is None:
            self._task = self._loop.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        self._cancel()

    def _expire(self) -> None:
        self.late = True
        self._cancel()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()

    def explains(self) -> bool:
        """Tell whether a cancellation that arrived was this one's; if so, take it back: the task goes on."""
        mine = self.late or self.left
        if mine and self._worker is not None:
            self._worker.uncancel()
        return mine

    def end(self) -> None:
        """Stop watching; the work is done."""
        if self._handle is not None:
            self._handle.cancel()
        if self._task is not None:
            self._task.cancel()
