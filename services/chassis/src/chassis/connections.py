"""A few connections of the driver's own, for reads that are too frequent to pay for a pool that can do everything.

SQLAlchemy's pool costs a lookup more than the lookup itself. These connections come from it, so that they are set up
like all others, and are lent from then on with a list and a semaphore.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

_WAIT_SECONDS = 5.0


class DriverConnections:
    """Up to ``most`` connections, opened when they are needed; each statement on them is its own transaction."""

    def __init__(self, engine: AsyncEngine, *, most: int) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(most)
        self._idle: list[asyncpg.Connection] = []

    async def fetchrow(self, sql: str, values: Sequence[object]) -> asyncpg.Record | None:
        """Return the first row, or None.

        Raises:
            OSError: No connection could be had; ``TimeoutError`` is one too.
        """
        if self._free.locked():
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            connection = self._take() or await self._open()
            try:
                record: asyncpg.Record | None = await connection.fetchrow(sql, *values)
            except BaseException:
                # Failed or given up half-way: nobody knows what the server still has to say on it.
                connection.terminate()
                raise
            self._idle.append(connection)
        finally:
            self._free.release()
        return record

    def _take(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> asyncpg.Connection:
        lent = await greenlet_spawn(self._engine.pool.connect)
        connection = cast("asyncpg.Connection", lent.driver_connection)
        lent.detach()
        return connection

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            await self._idle.pop().close(timeout=_WAIT_SECONDS)
