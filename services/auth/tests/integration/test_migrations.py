import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect

from auth.data.tables import metadata
from chassis.database import create_engine
from chassis.manifest import service_dir
from chassis.migrations import migrate
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata

pytestmark = pytest.mark.anyio


async def tables(settings: DatabaseSettings) -> set[str]:
    engine = create_engine(settings, service="test")
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    await engine.dispose()
    return found


async def test_migrations_go_up_down_and_up_again(empty_database: DatabaseSettings) -> None:
    folder = service_dir("auth")
    assert await migrate(empty_database, "auth", folder)
    assert not await migrate(empty_database, "auth", folder)
    assert {"accounts", "outbox"} <= await tables(empty_database)
    await migrate(empty_database, "auth", folder, target="base")
    assert await tables(empty_database) <= {"alembic_version"}
    assert await migrate(empty_database, "auth", folder)


async def test_migrations_make_what_the_code_expects(shared_database: DatabaseSettings) -> None:
    expected = MetaData()
    for table in (*metadata.tables.values(), *chassis_metadata.tables.values()):
        table.to_metadata(expected)

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = compare_metadata(context, expected)
        return [each for each in differences if "alembic_version" not in str(each)]

    engine = create_engine(shared_database, service="test")
    async with engine.connect() as connection:
        differences = await connection.run_sync(compare)
    await engine.dispose()
    assert differences == []
