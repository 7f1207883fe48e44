"""The end of tasks that run beside others."""

import asyncio
from typing import Any

_AGAIN_AFTER_SECONDS = 1


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, and return when they have ended, however they did.

    One cancellation is not enough: libraries lose it. nats-py swallows one that comes while it sends, and before Python
    3.12 `asyncio.wait_for` does when the answer comes at the same moment. What was told once would then run for ever,
    and so would whoever waits for it.

    Raises:
        CancelledError: The caller was cancelled meanwhile; the tasks have ended nevertheless.
    """
    cancelled: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=_AGAIN_AFTER_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
    await asyncio.gather(*tasks, return_exceptions=True)
    if cancelled is not None:
        raise cancelled
