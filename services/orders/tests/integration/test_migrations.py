"""The schema as migrations make it, up and down."""

import pytest
from sqlalchemy import Connection, inspect, text

from chassis.database import Database
from chassis.manifest import service_dir
from chassis.migrations import migrate
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata
from orders.data.tables import metadata

pytestmark = pytest.mark.anyio

SCHEMA = """
    SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def schema(connection: Connection) -> set[tuple[str, str]]:
    return {(table, thing) for table, thing in connection.execute(text(SCHEMA)) if table != "alembic_version"}


async def test_migrations_go_up_and_down_and_up_again(empty_database: DatabaseSettings) -> None:
    database = Database(empty_database, service="orders")
    folder = service_dir("orders")
    async with database.lifespan():
        assert await migrate(empty_database, "orders", folder)
        assert not await migrate(empty_database, "orders", folder)
        async with database.read() as connection:
            assert {"carts", "orders", "sagas", "outbox", "inbox"} <= await connection.run_sync(tables)
        await migrate(empty_database, "orders", folder, target="base")
        async with database.read() as connection:
            assert await connection.run_sync(tables) == set()
        assert await migrate(empty_database, "orders", folder)


async def test_migrated_schema_is_the_one_the_code_describes(
    database: Database, empty_database: DatabaseSettings
) -> None:
    described = Database(empty_database, service="orders")
    async with described.lifespan(), described.engine.begin() as connection:
        for part in (metadata, chassis_metadata):
            await connection.run_sync(part.create_all)
        expected = await connection.run_sync(schema)
    async with database.read() as connection:
        assert await connection.run_sync(schema) == expected
