"""Reservations a second on one hot SKU: against many SKUs, and against the most that one row's lock lets through."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import asyncpg
from bench import serving
from bench.processes import CORES
from bench.reserving import reservations_per_second
from bench.results import Row
from bench.rounds import Effort, interleaved
from bench.servers import servers
from bench.theirs import row_lock
from bench.tokens import issuing

SPREAD_GOAL = 0.85
LOCK_GOAL = 0.10
BUYERS = 32
CONNECTIONS = 5
"""To PostgreSQL: the pool of a service as it comes, and as many for the bare side."""
SCOPE = "inventory:reserve"
HOT, BARE, MANY = "HOT", "BARE", [f"S{number:03}" for number in range(1000)]


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return reservations a second, by the clock."""
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        shared = stack.enter_context(servers(folder))
        database = shared.create_database("inventory")
        ours = stack.enter_context(
            serving.service("inventory", folder=folder, issuer=issuer, environment=shared.settings(database))
        )
        asyncio.run(fill(database))
        token = issuer.token("orders", SCOPE)

        def reserve(*skus: str) -> float:
            return reservations_per_second(ours.port, token, skus, connections=BUYERS, seconds=effort.seconds)

        def lock() -> float:
            return asyncio.run(row_lock.take(database, BARE, connections=CONNECTIONS, seconds=effort.seconds))

        medians = interleaved(
            "hot-sku",
            {"hot": lambda: reserve(HOT), "many": lambda: reserve(*MANY), "bare": lock},
            effort,
            unit="reservations/s",
        )
    note = f"one replica and PostgreSQL on one core, {BUYERS} buyers, {effort.rounds} rounds of {effort.seconds:g} s"
    return [
        Row.compared(
            "reservations of one hot SKU / of a thousand SKUs",
            ours=medians["hot"],
            theirs=medians["many"],
            unit="reservations/s",
            goal=SPREAD_GOAL,
            better="higher",
            note=f"{note}, {len(CORES)} cores",
        ),
        Row.compared(
            "reservations of one hot SKU / the limit of its row's lock",
            ours=medians["hot"],
            theirs=medians["bare"],
            unit="reservations/s",
            goal=LOCK_GOAL,
            better="higher",
            note=f"{note}; the bare side is one UPDATE on {CONNECTIONS} connections, {len(CORES)} cores",
        ),
    ]


async def fill(database: str) -> None:
    """Put a million pieces of every SKU into stock."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            """
            INSERT INTO stock (sku, warehouse, on_hand, reserved, version)
            SELECT sku, 'main', 1000000, 0, 0 FROM unnest($1::text[]) AS skus (sku)
            """,
            [HOT, BARE, *MANY],
        )
    finally:
        await connection.close()
