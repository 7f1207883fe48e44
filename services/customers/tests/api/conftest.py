"""The whole service in this process: a real database, tokens of our own, nothing in the background.

One service for all tests, since every test brings customers of its own.
"""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.embedded import EmbeddedNats
from chassis.ids import uuid7
from chassis.manifest import service_dir
from chassis.settings import BrokerSettings
from chassis.testing import Databases, FakeClock, TokenIssuer, running
from customers.main import Settings, build


@pytest.fixture(scope="session")
def service(databases: Databases, tokens: TokenIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        settings = Settings(
            environment="development",
            database=databases.create_migrated("customers", service_dir("customers")),
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
def ada() -> UUID:
    return uuid7()


@pytest.fixture
def as_ada(tokens: TokenIssuer, ada: UUID) -> dict[str, str]:
    return tokens.headers(ada, "customers:own")


@pytest.fixture
def as_bob(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "customers:own")


@pytest.fixture
def as_orders(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers("orders", "customers:checkout", audience="customers")


@pytest.fixture
def as_staff(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "customers:own", "customers:manage", roles=("staff",))
