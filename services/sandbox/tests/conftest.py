"""What every kind of test of this service shares."""

from collections.abc import AsyncIterator

import pytest

from chassis.database import Database
from chassis.settings import DatabaseSettings


@pytest.fixture(scope="session")
def service_name() -> str:
    return "sandbox"


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(database_settings, service="sandbox")
    async with database.lifespan():
        yield database
