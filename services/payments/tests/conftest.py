"""Examples for every kind of test of this service."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.ids import uuid7
from chassis.money import Money
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from payments import events
from payments.domain.methods import Method, MethodKind
from payments.domain.payments import Request


@pytest.fixture(scope="session")
def service_name() -> str:
    return "payments"


@pytest.fixture
def order() -> UUID:
    return uuid7()


@pytest.fixture
def request_20() -> Request:
    return Request(Money(2000, "EUR"), Method(MethodKind.CARD, "tok_approve"), None)


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(
        database_settings, service="payments", before_commit=[Writer(service="payments", publish=events.publish)]
    )
    async with database.lifespan():
        yield database
