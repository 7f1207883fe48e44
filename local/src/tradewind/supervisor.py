"""Keeps the parts running: launches them, waits until they answer, starts again what dies, and stops everything.

One thread, one event loop: children live only as long as the thread that started them.
"""

import asyncio
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tradewind.parts import Part

_POLL_SECONDS = 0.03
_PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
_FORGIVEN_AFTER_SECONDS = 60
_SERVICES_STOP_WITHIN_SECONDS = 3.0
_SERVERS_STOP_WITHIN_SECONDS = 1.0


class PartState(StrEnum):
    """Where a part stands."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass
class Kept:
    """A part and its fortunes; ``deaths_in_a_row`` is forgiven once it has lived for a while."""

    part: Part
    state: PartState = PartState.STARTING
    restarts: int = 0
    deaths_in_a_row: int = 0
    launched_at: float = field(default_factory=time.monotonic)
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)


class Listener(Protocol):
    """Is told what happens to parts."""

    def ready(self, kept: Kept, seconds: float) -> None:
        """It answers, so long after its launch."""
        ...

    def died(self, kept: Kept, returncode: int, again_in_seconds: float) -> None:
        """It ended without being asked, and will be launched again."""
        ...

    def changed(self, kept: Iterable[Kept]) -> None:
        """Something about one of them is different now."""
        ...


class Supervisor:
    """Supervises parts. ``keep`` adds some, ``stop`` ends all; both are called in the main thread's loop."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._all: list[Kept] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._child_ended = asyncio.Event()

    @property
    def kept(self) -> Sequence[Kept]:
        """All parts, in the order in which they were added."""
        return self._all

    def listen_for_deaths(self) -> None:
        """Hear of children that end."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._wake)

    async def keep(self, parts: Iterable[Part]) -> None:
        """Launch parts and return when all of them have answered; from now on they are started again if they die.

        Raises:
            EmbeddedServerError, OSError: One cannot be started at all.
        """
        added = [Kept(part) for part in parts]
        self._all += added
        for kept in added:
            self._launch(kept)
        for kept in added:
            self._tasks[kept.part.name] = asyncio.create_task(self._supervise(kept), name=kept.part.name)
        tasks = [self._tasks[kept.part.name] for kept in added]
        all_ready = asyncio.create_task(_all_ready(added))
        try:
            await asyncio.wait([all_ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            all_ready.cancel()

    async def failed(self) -> None:
        """Raise the error of a part that cannot be started again at all; otherwise wait for ever."""
        await asyncio.gather(*self._tasks.values())

    async def stop(self, first: Iterable[str]) -> None:
        """Stop everything: those named ``first``, then the rest. Those that do not listen are killed."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        names = set(first)
        await self._stop([kept for kept in self._all if kept.part.name in names], _SERVICES_STOP_WITHIN_SECONDS)
        await self._stop([kept for kept in self._all if kept.part.name not in names], _SERVERS_STOP_WITHIN_SECONDS)
        self._listener.changed(self._all)

    async def _stop(self, kept: list[Kept], seconds: float) -> None:
        for each in kept:
            each.part.ask_to_stop()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(each.part.pid is not None for each in kept):
            await self._pause_until_death(deadline - time.monotonic())
        for each in kept:
            each.part.kill()
            each.state = PartState.STOPPED

    async def _supervise(self, kept: Kept) -> None:
        while True:
            await self._wait_for_answer(kept)
            while (returncode := kept.part.returncode()) is None:
                await self._pause_until_death(_FORGIVEN_AFTER_SECONDS)
            if not kept.became_ready.is_set() and (refusal := kept.part.refusal()):
                raise refusal
            await self._pause_after_death(kept, returncode)
            self._launch(kept)

    async def _wait_for_answer(self, kept: Kept) -> None:
        while kept.part.returncode() is None:
            if await kept.part.answers():
                kept.state = PartState.READY
                self._listener.ready(kept, time.monotonic() - kept.launched_at)
                self._listener.changed(self._all)
                kept.became_ready.set()
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _pause_after_death(self, kept: Kept, returncode: int) -> None:
        if time.monotonic() - kept.launched_at > _FORGIVEN_AFTER_SECONDS:
            kept.deaths_in_a_row = 0
        pause = _PAUSES_SECONDS[min(kept.deaths_in_a_row, len(_PAUSES_SECONDS) - 1)]
        kept.deaths_in_a_row += 1
        kept.restarts += 1
        kept.state = PartState.RESTARTING
        self._listener.died(kept, returncode, pause)
        self._listener.changed(self._all)
        await asyncio.sleep(pause)

    def _launch(self, kept: Kept) -> None:
        kept.launched_at = time.monotonic()
        kept.state = PartState.STARTING
        kept.part.launch()
        self._listener.changed(self._all)

    async def _pause_until_death(self, seconds: float) -> None:
        """Return when a child, whichever, has ended, or after ``seconds``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, seconds)):
                await self._child_ended.wait()

    def _wake(self) -> None:
        ended, self._child_ended = self._child_ended, asyncio.Event()
        ended.set()


async def _all_ready(parts: Iterable[Kept]) -> None:
    for kept in parts:
        await kept.became_ready.wait()
