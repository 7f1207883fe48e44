"""A customer's own profile (``GET /v1/customers/me``), against asyncpg in a bare FastAPI route reading the same row."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from bench import serving
from bench.load import Target
from bench.results import Row
from bench.rounds import Effort, interleaved
from bench.servers import servers
from bench.tokens import issuing

GOAL = 0.60
CONNECTIONS = 16
SCOPE = "customers:own"


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return requests a CPU-second, PostgreSQL's share included."""
    customer = uuid4()
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        shared = stack.enter_context(servers(folder))
        database = shared.create_database("customers")
        ours = stack.enter_context(
            serving.service("customers", folder=folder, issuer=issuer, environment=shared.settings(database))
        )
        asyncio.run(make_customer(database, customer))
        theirs = stack.enter_context(
            serving.bare("bench.theirs.read_by_id:app", folder=folder, environment={"BENCH_DATABASE_URL": database})
        )
        token = issuer.token(str(customer), SCOPE)
        our_target = Target(ours.port, "/v1/customers/me", token)
        their_target = Target(theirs.port, f"/v1/customers/{customer}", token)
        requests = serving.Requests(connections=CONNECTIONS, seconds=effort.seconds)
        medians = interleaved(
            "read-by-id",
            {
                "ours": lambda: requests.per_cpu_second(our_target, [ours.pid, *shared.pids]),
                "theirs": lambda: requests.per_cpu_second(their_target, [theirs.pid, *shared.pids]),
            },
            effort,
            unit="requests/CPU-s",
        )
    return [
        Row.compared(
            "read by id / asyncpg in bare FastAPI",
            ours=medians["ours"],
            theirs=medians["theirs"],
            unit="requests/CPU-s",
            goal=GOAL,
            better="higher",
            note=f"service and PostgreSQL together, {CONNECTIONS} connections, {effort.described}",
        )
    ]


async def make_customer(database: str, customer: UUID) -> None:
    """Store a customer whose every shown column is filled."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            """
            INSERT INTO customers
                (id, version, email, name, phone, locale, marketing, newsletter, tier, registered_at)
            VALUES ($1, 1, 'ann@example.org', 'Ann Example', '+4930123456', 'de-DE', false, false, 'standard', now())
            """,
            customer,
        )
    finally:
        await connection.close()
