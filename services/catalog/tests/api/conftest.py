"""The whole service in this process: a real database, tokens of our own, nothing in the background.

One service for all tests, since every test brings products of its own.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from httpx2 import AsyncClient

from catalog.main import Settings, build
from chassis.app import Service
from chassis.embedded import EmbeddedNats
from chassis.ids import uuid7
from chassis.manifest import service_dir
from chassis.settings import BrokerSettings
from chassis.testing import Databases, FakeClock, TokenIssuer, running


@pytest.fixture(scope="session")
def service(databases: Databases, tokens: TokenIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        settings = Settings(
            environment="development",
            database=databases.create_migrated("catalog", service_dir("catalog")),
            broker=BrokerSettings(url=nats.url),
            tokens=tokens.settings,
            background=False,
        )
        service = build(settings)
        service.use_tokens(tokens.settings, keys=tokens)
        service.clock = FakeClock()  # After the tokens, which live in the present.
        yield service
        databases.drop(settings.database)


@pytest.fixture(scope="session")
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with running(service) as client:
        yield client


@pytest.fixture
def as_ada(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "customers:own")


@pytest.fixture
def as_staff(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "catalog:manage", roles=("staff",))


@pytest.fixture
def as_orders(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers("orders", "catalog:price", audience="catalog", roles=())


@pytest.fixture
def name() -> str:
    """Something that no other test's product is called."""
    return secrets.token_hex(6)


@pytest.fixture
def shirt(name: str) -> dict[str, Any]:
    """A new product, as staff would give it."""
    return {
        "slug": f"shirt-{name}",
        "name": f"Linen shirt {name}",
        "attributes": {"material": "linen"},
        "images": [{"url": "https://images.example/shirt.jpg", "alt": "A shirt"}],
        "variants": [
            {
                "sku": f"{name.upper()}-{size}",
                "name": size,
                "weight_grams": 250,
                "attributes": {"size": size},
                "prices": [
                    {"price": {"amount": 4900, "currency": "EUR"}, "valid_from": "2029-01-01T00:00:00Z"},
                    {"price": {"amount": 5500, "currency": "USD"}, "valid_from": "2029-01-01T00:00:00Z"},
                ],
            }
            for size in ("M", "L")
        ],
    }


@pytest.fixture
async def draft(client: AsyncClient, as_staff: dict[str, str], shirt: dict[str, Any]) -> dict[str, Any]:
    """The shirt, created."""
    answer = await client.post("/v1/products", json=shirt, headers=as_staff)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


@pytest.fixture
async def published(client: AsyncClient, as_staff: dict[str, str], draft: dict[str, Any]) -> dict[str, Any]:
    """The shirt, for sale."""
    path = f"/v1/products/{draft['id']}/publish"
    answer = await client.post(path, headers={**as_staff, "if-match": "*"})
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record
