"""Loops that run beside the requests: relay, consumers, jobs.

In a process they are supervised: one that fails is logged and started again after growing pauses. Among several worker
processes of one machine (gunicorn) a file lock picks the one that runs them; across replicas each loop has its own way
(advisory lock, durable consumer, leased schedule).
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chassis import logs
from chassis.tasks import end

Loop = Callable[[], Coroutine[Any, Any, None]]
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 15.0


class Background:
    """The background loops of one process.

    Args:
        enabled: False where they run elsewhere (a Deployment of workers).
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._loops: dict[str, Loop] = {}
        self._log = logs.get("background")

    def add(self, name: str, loop: Loop) -> None:
        """Register a loop; it runs from the start of the application to its end."""
        self._loops[name] = loop

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the loops for the length of the block."""
        if not (self.enabled and self._loops):
            yield
            return
        task = asyncio.create_task(self._run_all(), name="background")
        try:
            yield
        finally:
            await end(task)

    async def _run_all(self) -> None:
        await _chosen_on_this_machine()
        tasks = [asyncio.create_task(self._supervise(name, loop), name=name) for name, loop in self._loops.items()]
        try:
            await asyncio.wait(tasks)
        finally:
            await end(*tasks)

    async def _supervise(self, name: str, loop: Loop) -> None:
        pause = _FIRST_PAUSE_SECONDS
        clock = asyncio.get_running_loop()
        while True:
            started = clock.time()
            try:
                await loop()
            except Exception:  # noqa: BLE001 - whatever it was, the loop has to go on
                if clock.time() - started > _LONGEST_PAUSE_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                self._log.exception("background loop failed", loop=name, pause_seconds=pause)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _chosen_on_this_machine() -> None:
    """Return once this process may run the loops: at once, or among gunicorn's workers when it gets the lock.

    The lock is never given back: it lives as long as the process, and another worker takes over at its death.
    """
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if shared is None:
        return
    lock = os.open(Path(shared) / "background.lock", os.O_CREAT | os.O_RDWR, 0o600)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.5)
        else:
            return
