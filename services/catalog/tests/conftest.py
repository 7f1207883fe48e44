"""Fakes and examples for every kind of test of this service."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from catalog import events
from catalog.domain.prices import Price
from catalog.domain.products import Details, Product
from catalog.domain.variants import Spec, TaxClass
from chassis.database import Database
from chassis.money import Money
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def service_name() -> str:
    return "catalog"


@pytest.fixture
def spec() -> Spec:
    return Spec("SHIRT-M", "medium", 250, TaxClass.STANDARD, {"size": "M"})


@pytest.fixture
def price() -> Price:
    return Price(Money(4900, "EUR"), BEGIN)


@pytest.fixture
def shirt(spec: Spec, price: Price) -> Product:
    details = Details("linen-shirt", "Linen shirt", "For warm days.", ("shirts",), {"material": "linen"})
    return Product(details, [(spec, [price])], BEGIN)


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(
        database_settings,
        service="catalog",
        before_commit=[Writer(service="catalog", publish=events.publish)],
    )
    async with database.lifespan():
        yield database
