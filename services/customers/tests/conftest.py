"""Fakes and examples for every kind of test of this service."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from customers import events
from customers.domain.addresses import PostalAddress
from customers.domain.customers import Customer, CustomerNotFoundError
from customers.domain.payment_methods import Instrument, PaymentKind


class FakeCustomerRepository:
    """Customers in a dictionary; nobody else is ever waiting for them."""

    def __init__(self) -> None:
        self._customers: dict[UUID, Customer] = {}

    async def get(self, customer_id: UUID) -> Customer:
        if customer_id not in self._customers:
            raise CustomerNotFoundError
        return self._customers[customer_id]

    async def get_or_add(self, customer_id: UUID) -> Customer:
        return self._customers.setdefault(customer_id, Customer(customer_id))


class FakeUnitOfWork:
    """A unit of work in memory: what was changed is changed."""

    def __init__(self) -> None:
        self.customers = FakeCustomerRepository()


@pytest.fixture(scope="session")
def service_name() -> str:
    return "customers"


@pytest.fixture
def uow() -> FakeUnitOfWork:
    return FakeUnitOfWork()


@pytest.fixture
def home() -> PostalAddress:
    return PostalAddress(
        recipient="Ada Lovelace",
        line1="12 St James's Square",
        line2=None,
        city="London",
        region=None,
        postal_code="SW1Y 4JH",
        country="GB",
        phone="+442079460000",
    )


@pytest.fixture
def card() -> Instrument:
    return Instrument(PaymentKind.CARD, token="tok_approve", label="Ada's card", last4="4242", expires="2027-04")


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(
        database_settings,
        service="customers",
        before_commit=[Writer(service="customers", publish=events.publish)],
    )
    async with database.lifespan():
        yield database
