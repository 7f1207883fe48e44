"""The whole service in this process: a real database, tokens of our own, nothing in the background.

One service for all tests, since every test brings SKUs and orders of its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.embedded import EmbeddedNats
from chassis.ids import uuid7
from chassis.manifest import service_dir
from chassis.settings import BrokerSettings
from chassis.testing import Databases, FakeClock, TokenIssuer, running
from inventory.main import Settings, build

Stocked = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def service(databases: Databases, tokens: TokenIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        settings = Settings(
            environment="development",
            database=databases.create_migrated("inventory", service_dir("inventory")),
            broker=BrokerSettings(url=nats.url),
            tokens=tokens.settings,
            background=False,
        )
        service = build(settings)
        service.use_tokens(tokens.settings, keys=tokens)
        service.clock = FakeClock()  # After the tokens, which live in the present.
        yield service
        databases.drop(settings.database)


@pytest.fixture
def clock(service: Service) -> FakeClock:
    assert isinstance(service.clock, FakeClock)
    return service.clock


@pytest.fixture(scope="session")
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with running(service) as client:
        yield client


@pytest.fixture
def order() -> str:
    return str(uuid7())


@pytest.fixture
def as_orders(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers("orders", "inventory:reserve", audience="inventory", roles=())


@pytest.fixture
def staff() -> UUID:
    return uuid7()


@pytest.fixture
def as_staff(tokens: TokenIssuer, staff: UUID) -> dict[str, str]:
    return tokens.headers(staff, "inventory:manage", roles=("staff",))


@pytest.fixture
def as_customer(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7())


@pytest.fixture
def stocked(client: AsyncClient, as_staff: dict[str, str]) -> Stocked:
    """Receive pieces of a new SKU."""

    async def receive(quantity: int, **more: Any) -> str:
        sku = more.pop("sku", None) or f"SKU-{uuid7().hex.upper()}"
        body = {"sku": sku, "quantity": quantity, "reason": "received", **more}
        key = {"idempotency-key": uuid7().hex}
        answer = await client.post("/v1/stock-adjustments", json=body, headers={**as_staff, **key})
        assert answer.status_code == 201, answer.text
        return str(sku)

    return receive
