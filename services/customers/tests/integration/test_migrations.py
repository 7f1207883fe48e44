"""A migration as an upgrade meets it: rows are there, and the release before still runs."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis.database import Database
from chassis.manifest import service_dir
from chassis.migrations import SchemaCheck, SchemaOutdatedError, migrate
from chassis.settings import DatabaseSettings
from chassis.testing import schema_of

pytestmark = pytest.mark.anyio

CUSTOMER = """
    INSERT INTO customers (id, version, marketing, newsletter, tier)
    VALUES ('0190a5f0-7c3e-7b1a-9d2e-4c5b6a798081', 1, false, false, 'standard')
"""
METHOD = """
    INSERT INTO payment_methods (id, customer_id, version, kind, token, label, is_default)
    SELECT id, id, 1, 'card', 'tok_approve', 'Card', true FROM customers
"""


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
        before = await schema_of(empty_database)
        async with database.read() as connection:
            await connection.execute(text(CUSTOMER))
        await migrate(empty_database, "customers", service_dir("customers"))
        after = await schema_of(empty_database)
        async with database.read() as connection:
            await connection.execute(text(METHOD))
        assert before < after
        assert {table for table, _ in after - before} == {"payment_methods"}
        await migrate(empty_database, "customers", service_dir("customers"), target="0001")
        assert await schema_of(empty_database) == before
        async with database.read() as connection:
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
