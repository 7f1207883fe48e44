"""The schema as migrations make it, up and down."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect

from chassis.database import Database
from chassis.manifest import service_dir
from chassis.migrations import migrate
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata
from customers.data.tables import metadata

pytestmark = pytest.mark.anyio


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def differences(connection: Connection) -> list[object]:
    everything = MetaData()
    for part in (metadata, chassis_metadata):
        for table in part.tables.values():
            table.to_metadata(everything)
    found: list[object] = compare_metadata(MigrationContext.configure(connection), everything)
    # PostgreSQL tells an index's collation apart from its expression, and Alembic does not ask for it; that this index
    # fits its query is tested beside the query.
    return [each for each in found if not any(name in str(each) for name in ("alembic_version", "customers_email_key"))]


async def test_migrations_go_up_and_down_and_up_again(empty_database: DatabaseSettings) -> None:
    database = Database(empty_database, service="customers")
    folder = service_dir("customers")
    async with database.lifespan():
        assert await migrate(empty_database, "customers", folder)
        assert not await migrate(empty_database, "customers", folder)
        async with database.read() as connection:
            assert {"customers", "addresses", "outbox", "inbox"} <= await connection.run_sync(tables)
        await migrate(empty_database, "customers", folder, target="base")
        async with database.read() as connection:
            assert await connection.run_sync(tables) == set()
        assert await migrate(empty_database, "customers", folder)


async def test_migrated_schema_is_the_one_the_code_describes(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
