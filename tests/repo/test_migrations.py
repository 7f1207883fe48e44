"""Every service's schema: as its migrations make it, up and down, and as its code describes it."""

from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.manifest import service_dir
from chassis.migrations import migrate
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata
from chassis.testing import schema_of

pytestmark = pytest.mark.anyio

SERVICES = sorted(path.parent.name for path in Path(__file__).parents[2].glob("services/*/migrations"))


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_go_up_and_down_and_up_again(empty_database: DatabaseSettings, service: str) -> None:
    folder = service_dir(service)
    assert await migrate(empty_database, service, folder)
    assert not await migrate(empty_database, service, folder)
    made = await schema_of(empty_database)
    await migrate(empty_database, service, folder, target="base")
    assert await schema_of(empty_database) == set()
    assert await migrate(empty_database, service, folder)
    assert await schema_of(empty_database) == made


@pytest.mark.parametrize("service", SERVICES)
async def test_migrated_schema_is_the_one_the_code_describes(empty_database: DatabaseSettings, service: str) -> None:
    await migrate(empty_database, service, service_dir(service))
    migrated = await schema_of(empty_database)
    await migrate(empty_database, service, service_dir(service), target="base")
    engine = create_async_engine(empty_database.url.get_secret_value())
    async with engine.begin() as connection:
        for part in (import_module(f"{service}.data.tables").metadata, chassis_metadata):
            await connection.run_sync(part.create_all)
    await engine.dispose()
    assert await schema_of(empty_database) == migrated
