"""The service's parts on a real database, one per test."""

from collections.abc import AsyncIterator

import pytest

from chassis.database import Database
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from inventory import events
from inventory.data.booking import Bookkeeper


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    writer = Writer(service="inventory", publish=events.publish)
    database = Database(database_settings, service="inventory", before_commit=[writer, Bookkeeper()])
    async with database.lifespan():
        yield database
