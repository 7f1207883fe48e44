"""What one more order costs, in a shop that has had a thousand, a hundred thousand or a million of them."""

import asyncio
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
from bench import history, shops
from bench.processes import CORES
from bench.results import Row
from bench.rounds import FULL, Effort, interleaved, say
from bench.shops import Shop
from bench.tokens import issuing

GOAL = 1.2
SIZES = (1_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 100_000)
AT_ONCE = 8
ORDERS_PER_SECOND_OF_EFFORT = 40


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return the CPU time of an order at each size, compared with that at the smallest; three shops take turns."""
    count = int(ORDERS_PER_SECOND_OF_EFFORT * effort.seconds)
    sizes = SIZES if effort.rounds >= FULL.rounds else QUICK_SIZES
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        opened: dict[int, Shop] = {}
        for size in sizes:
            opened[size] = stack.enter_context(shops.ours(folder / str(size), issuer, customers=count))
            _fill(opened[size], size)
        medians = interleaved(
            "flat-cost",
            {str(size): partial(shop.cpu_milliseconds, count, at_once=AT_ONCE) for size, shop in opened.items()},
            effort,
            unit="CPU-ms an order",
        )
    smallest, *others = sizes
    return [
        Row.compared(
            f"an order after {size:,} / after {smallest:,}",
            ours=medians[str(size)],
            theirs=medians[str(smallest)],
            unit="CPU-ms/order",
            goal=GOAL,
            better="lower",
            note=(
                f"five services, PostgreSQL and NATS together, {AT_ONCE} customers at once, "
                f"{effort.rounds} rounds of {count} orders a size, {len(CORES)} cores"
            ),
        )
        for size in others
    ]


def _fill(shop: Shop, orders: int) -> None:
    """Place one order, and have it be so many."""
    started = time.perf_counter()
    shop.cpu_milliseconds(1, at_once=1)
    asyncio.run(history.fill(shop.databases, asyncio.run(_placed(shop)), orders))
    say(f"  flat-cost: {orders:,} orders are there after {time.perf_counter() - started:.0f} s")


async def _placed(shop: Shop) -> UUID:
    connection = await asyncpg.connect(shop.databases["orders"])
    try:
        order_id: UUID = await connection.fetchval("SELECT id FROM orders")
    finally:
        await connection.close()
    return order_id
