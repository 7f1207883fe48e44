"""The schema as migrations make it, up and down."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from chassis.database import Database
from chassis.manifest import service_dir
from chassis.migrations import SchemaCheck, SchemaOutdatedError, migrate
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata
from customers.data.tables import metadata

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

CUSTOMER = """
    INSERT INTO customers (id, version, marketing, newsletter, tier)
    VALUES ('0190a5f0-7c3e-7b1a-9d2e-4c5b6a798081', 1, false, false, 'standard')
"""
METHOD = """
    INSERT INTO payment_methods (id, customer_id, version, kind, token, label, is_default)
    SELECT id, id, 1, 'card', 'tok_approve', 'Card', true FROM customers
"""


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def schema(connection: Connection) -> set[tuple[str, str]]:
    return {(table, thing) for table, thing in connection.execute(text(SCHEMA)) if table != "alembic_version"}


async def test_migrations_go_up_and_down_and_up_again(empty_database: DatabaseSettings) -> None:
    database = Database(empty_database, service="customers")
    folder = service_dir("customers")
    async with database.lifespan():
        assert await migrate(empty_database, "customers", folder)
        assert not await migrate(empty_database, "customers", folder)
        async with database.read() as connection:
            assert {"customers", "addresses", "payment_methods", "outbox", "inbox"} <= await connection.run_sync(tables)
        await migrate(empty_database, "customers", folder, target="base")
        async with database.read() as connection:
            assert await connection.run_sync(tables) == set()
        assert await migrate(empty_database, "customers", folder)


async def test_migrated_schema_is_the_one_the_code_describes(
    database: Database, empty_database: DatabaseSettings
) -> None:
    described = Database(empty_database, service="customers")
    async with described.lifespan(), described.engine.begin() as connection:
        for part in (metadata, chassis_metadata):
            await connection.run_sync(part.create_all)
        expected = await connection.run_sync(schema)
    async with database.read() as connection:
        assert await connection.run_sync(schema) == expected


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    """The folder of a release that knows the first revision only."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    shutil.copy(service_dir("customers") / "migrations" / "versions" / "0001_customers.py", versions)
    return tmp_path


async def test_payment_methods_change_nothing_that_was_there(
    empty_database: DatabaseSettings, release_before: Path
) -> None:
    database = Database(empty_database, service="customers")
    async with database.lifespan():
        await migrate(empty_database, "customers", release_before)
        async with database.read() as connection:
            before = await connection.run_sync(schema)
            await connection.execute(text(CUSTOMER))
        await migrate(empty_database, "customers", service_dir("customers"))
        async with database.read() as connection:
            after = await connection.run_sync(schema)
            await connection.execute(text(METHOD))
        assert before < after
        assert {table for table, _ in after - before} == {"payment_methods"}
        await migrate(empty_database, "customers", service_dir("customers"), target="0001")
        async with database.read() as connection:
            assert await connection.run_sync(schema) == before
            assert await connection.scalar(text("SELECT count(*) FROM customers")) == 1


async def test_release_before_is_ready_on_this_schema_and_leaves_it_alone(
    database: Database, database_settings: DatabaseSettings, release_before: Path
) -> None:
    await SchemaCheck(database, release_before)()
    assert not await migrate(database_settings, "customers", release_before)
    await SchemaCheck(database, service_dir("customers"))()


async def test_this_release_is_not_ready_on_the_schema_before(
    empty_database: DatabaseSettings, release_before: Path
) -> None:
    await migrate(empty_database, "customers", release_before)
    database = Database(empty_database, service="customers")
    async with database.lifespan():
        with pytest.raises(SchemaOutdatedError):
            await SchemaCheck(database, service_dir("customers"))()
