"""One database for all tests of a process, emptied before each: making one takes longer than most tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text

from auth import events
from auth.data.tables import metadata
from auth.data.units import SqlUnits
from chassis.database import Database
from chassis.manifest import service_dir
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata
from chassis.testing import Databases

_TABLES = ", ".join([*metadata.tables, *chassis_metadata.tables])


@pytest.fixture(scope="session")
def shared_database(databases: Databases) -> Iterator[DatabaseSettings]:
    settings = databases.create_migrated("auth", service_dir("auth"))
    yield settings
    databases.drop(settings)


@pytest.fixture
async def database(shared_database: DatabaseSettings) -> AsyncIterator[Database]:
    writer = Writer(service="auth", publish=events.publish)
    database = Database(shared_database, service="auth", before_commit=[writer])
    async with database.lifespan():
        async with database.read() as connection:
            await connection.execute(text(f"TRUNCATE {_TABLES}"))
        yield database


@pytest.fixture
def sql_units(database: Database) -> SqlUnits:
    return SqlUnits(database, development_mails=True)
