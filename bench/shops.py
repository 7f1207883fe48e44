"""Two shops that take orders: ours, which is five services, and the bare one of ``bench.theirs.checkout``.

Each has a PostgreSQL of its own, so that what one does in the background costs the other nothing, and a stand-in for
the payment provider, which belongs to neither.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from bench import catalogue, serving
from bench.ordering import Shopper, place_orders
from bench.processes import LOAD_CORES, cpu_seconds
from bench.servers import servers
from bench.serving import Server
from bench.theirs.checkout.resources import TABLES
from bench.tokens import Issuer

from chassis.children import free_ports

PRODUCTS = 1000
LINES_PER_ORDER = 3
SETTLING_SECONDS = 0.5
"""After the last answer: events are published and webhooks taken in, and count."""

_SECRET = "of the provider's webhooks, for a measurement"
_ORDER_SCOPE = "orders:own"
_OURS = ("customers", "catalog", "inventory", "payments")


@dataclass(slots=True)
class Shop:
    """A shop that is open.

    Args:
        port: Where orders are taken.
        pids: All its processes, servers included.
        carts: The database that carts are in.
        databases: All its databases, by whose they are.
    """

    port: int
    pids: list[int]
    carts: str
    databases: dict[str, str]
    shoppers: list[Shopper]
    per_second: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def cpu_milliseconds(self, count: int, *, at_once: int) -> float:
        """Have ``count`` customers order; return the CPU time of one order, of all processes of the shop."""
        chosen = self.shoppers[:count]
        asyncio.run(_fill_carts(self.carts, chosen))
        before, started = cpu_seconds(self.pids), time.perf_counter()
        self.seconds += place_orders(self.port, chosen, at_once=at_once)
        self.per_second.append(count / (time.perf_counter() - started))
        time.sleep(SETTLING_SECONDS)
        return (cpu_seconds(self.pids) - before) / count * 1000


@contextmanager
def ours(folder: Path, issuer: Issuer, *, customers: int) -> Iterator[Shop]:
    """Open our shop, with a catalogue, stock and customers whose carts are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        shared = stack.enter_context(servers(folder / "ours"))
        databases = {name: shared.create_database(name) for name in (*_OURS, "orders")}
        [provider_port] = free_ports(1)
        running: dict[str, Server] = {}
        for name in (*_OURS, "orders"):
            settings = {**shared.settings(databases[name]), **_settings(name, provider_port, running, issuer)}
            running[name] = stack.enter_context(
                serving.service(name, folder=folder, issuer=issuer, environment=settings)
            )
        _provide(stack, folder, provider_port, running["payments"])
        shoppers = _shoppers(customers, issuer)
        asyncio.run(_fill_ours(databases, shoppers))
        yield Shop(
            running["orders"].port,
            [*(each.pid for each in running.values()), *shared.pids],
            databases["orders"],
            databases,
            shoppers,
        )


@contextmanager
def theirs(folder: Path, issuer: Issuer, *, customers: int) -> Iterator[Shop]:
    """Open the bare shop, with the same in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        shared = stack.enter_context(servers(folder / "theirs", broker=False))
        database = shared.create_database("shop")
        asyncio.run(_execute(database, TABLES))
        [provider_port] = free_ports(1)
        common = {
            "BENCH_DATABASE_URL": database,
            "BENCH_PROVIDER_URL": f"http://127.0.0.1:{provider_port}",
            "BENCH_WEBHOOK_SECRET": _SECRET,
        }
        running: dict[str, Server] = {}
        for name in (*_OURS, "orders"):
            peers = {f"BENCH_{peer.upper()}_URL": server.url for peer, server in running.items()}
            app = f"bench.theirs.checkout.{name}:app"
            running[name] = stack.enter_context(serving.bare(app, folder=folder, environment={**common, **peers}))
        _provide(stack, folder, provider_port, running["payments"])
        shoppers = _shoppers(customers, issuer)
        asyncio.run(_fill_theirs(database, shoppers))
        yield Shop(
            running["orders"].port,
            [*(each.pid for each in running.values()), *shared.pids],
            database,
            {"shop": database},
            shoppers,
        )


def _settings(name: str, provider_port: int, running: dict[str, Server], issuer: Issuer) -> dict[str, str]:
    match name:
        case "payments":
            return {
                "PROVIDER__NAME": "bench",
                "PROVIDER__URL": f"http://127.0.0.1:{provider_port}",
                "PROVIDER__API_KEY": "not used: whoever asks is believed",
                "PROVIDER__WEBHOOK_SECRET": _SECRET,
                "PEERS": "{}",
            }
        case "orders":
            return {
                "CLIENT__TOKEN_URL": f"{issuer.url}/v1/oauth/token",
                "CLIENT__SECRET": "not used: whoever asks gets a token",
                **{f"PEERS__{peer.upper()}": server.url for peer, server in running.items()},
            }
        case _:
            return {}


def _provide(stack: ExitStack, folder: Path, port: int, payments: Server) -> None:
    stack.enter_context(
        serving.bare(
            "bench.provider:app",
            folder=folder,
            port=port,
            cores=LOAD_CORES,
            environment={
                "BENCH_WEBHOOK_URL": f"{payments.url}/v1/provider-webhooks/bench",
                "BENCH_WEBHOOK_SECRET": _SECRET,
            },
        )
    )


def _shoppers(count: int, issuer: Issuer) -> list[Shopper]:
    ids = [uuid4() for _ in range(count)]
    return [Shopper(each, uuid4(), issuer.token(str(each), _ORDER_SCOPE)) for each in ids]


async def _fill_ours(databases: dict[str, str], shoppers: Sequence[Shopper]) -> None:
    await catalogue.fill(databases["catalog"], PRODUCTS)
    await _execute(
        databases["inventory"],
        "INSERT INTO stock (sku, warehouse, on_hand, reserved, version)"
        " SELECT sku, 'main', 1000000, 0, 0 FROM unnest($1::text[]) AS skus (sku)",
        _sold(),
    )
    await _execute(
        databases["customers"],
        "INSERT INTO customers (id, version, email, name, marketing, newsletter, tier, registered_at)"
        " SELECT id, 1, id || '@example.org', 'Ann Example', false, false, 'standard', now()"
        " FROM unnest($1::uuid[]) AS ids (id)",
        _ids(shoppers),
    )
    await _execute(
        databases["orders"],
        "INSERT INTO carts (id, version, customer_id, currency, lines, changed_at)"
        " SELECT id, 1, customer_id, 'EUR', '{}', now() FROM unnest($1::uuid[], $2::uuid[]) AS carts (id, customer_id)",
        [each.cart_id for each in shoppers],
        _ids(shoppers),
    )


async def _fill_theirs(database: str, shoppers: Sequence[Shopper]) -> None:
    await _execute(
        database,
        "INSERT INTO skus SELECT sku, gen_random_uuid(), 'Thing ' || sku, 'EUR', 500 + n * 37 % 20000, 200, 'standard'"
        " FROM unnest($1::text[]) WITH ORDINALITY AS skus (sku, n)",
        _sold(),
    )
    await _execute(database, "INSERT INTO stock SELECT sku, 1000000, 0 FROM skus")
    await _execute(
        database,
        "INSERT INTO customers SELECT id, 'standard', id || '@example.org' FROM unnest($1::uuid[]) AS ids (id)",
        _ids(shoppers),
    )
    await _execute(
        database,
        "INSERT INTO carts SELECT id, customer_id, 'EUR', '{}'"
        " FROM unnest($1::uuid[], $2::uuid[]) AS carts (id, customer_id)",
        [each.cart_id for each in shoppers],
        _ids(shoppers),
    )


async def _fill_carts(database: str, shoppers: Sequence[Shopper]) -> None:
    """Put something into each cart: neighbours in the list order different things."""
    sold = _sold()
    lines = [
        json.dumps({sold[(number * 7 + line * 131) % len(sold)]: 1 + line % 2 for line in range(LINES_PER_ORDER)})
        for number in range(len(shoppers))
    ]
    await _execute(
        database,
        "UPDATE carts SET lines = filled.lines::jsonb FROM unnest($1::uuid[], $2::text[]) AS filled (id, lines)"
        " WHERE carts.id = filled.id",
        [each.cart_id for each in shoppers],
        lines,
    )


def _sold() -> list[str]:
    """Return the SKUs that can be ordered: one product in fifty is not published."""
    return [catalogue.sku(number) for number in range(1, PRODUCTS + 1) if number % 50]


def _ids(shoppers: Sequence[Shopper]) -> list[UUID]:
    return [each.customer_id for each in shoppers]


async def _execute(database: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()
