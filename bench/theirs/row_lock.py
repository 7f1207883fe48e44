"""The hot-sku row's other side: the least that can promise a piece, and so the most that one row's lock lets through.

One ``UPDATE`` with asyncpg, committed by itself, on as many connections as the service has: no request, no reservation
that could be repeated, released or expire, no history, no event.
"""

import asyncio
import time

import asyncpg

TAKE = "UPDATE stock SET reserved = reserved + 1 WHERE sku = $1 AND warehouse = 'main' AND reserved < on_hand"


async def take(dsn: str, sku: str, *, connections: int, seconds: float) -> float:
    """Take pieces of one SKU for so long; return how many a second."""
    async with asyncpg.create_pool(dsn, min_size=connections, max_size=connections) as pool:
        started = time.perf_counter()

        async def taker() -> int:
            taken = 0
            async with pool.acquire() as connection:
                statement = await connection.prepare(TAKE)
                while time.perf_counter() - started < seconds:
                    await statement.fetch(sku)
                    taken += 1
            return taken

        taken = sum(await asyncio.gather(*(taker() for _ in range(connections))))
        return taken / (time.perf_counter() - started)
