"""Rows by key, straight from the driver, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Column, DateTime, Enum, Integer, MetaData, Table, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from chassis.database import Database, DatabaseAwayError
from chassis.lookups import Lookup
from chassis.settings import DatabaseSettings
from chassis.testing import eventually

pytestmark = pytest.mark.anyio


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


things = Table(
    "things",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("colour", Enum(Colour, native_enum=False, values_callable=lambda kind: [str(each) for each in kind])),
    Column("details", JSONB),
    Column("made_at", DateTime(timezone=True)),
    Column("number", Integer),
)
by_id = Lookup(select(things).where(things.c.id == bindparam("id")))
slowly = Lookup(select(func.pg_sleep(bindparam("seconds"))))


@pytest.fixture
async def database(empty_database: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(empty_database.model_copy(update={"pool_size": 1}), service="lookups")
    async with database.lifespan():
        async with database.transaction() as session:
            await (await session.connection()).run_sync(things.metadata.create_all)
        yield database


async def test_row_is_what_core_reads(database: Database) -> None:
    values = {
        "id": uuid4(),
        "name": "Ada",
        "colour": Colour.BLUE,
        "details": {"a": [1]},
        "made_at": datetime(2026, 11, 1, tzinfo=UTC),
        "number": None,
    }
    async with database.transaction() as session:
        await session.execute(things.insert().values(values))
    async with database.read() as connection:
        core = (await connection.execute(select(things))).one()
    row = await by_id.row(database, id=values["id"])
    assert row == tuple(core) == tuple(values.values())
    assert row is not None
    assert isinstance(row[2], Colour)


async def test_rows_are_all_there_are_and_constants_need_no_value(database: Database) -> None:
    async with database.transaction() as session:
        for number in range(3):
            await session.execute(things.insert().values(id=uuid4(), colour=Colour.RED, details={}, number=number))
        await session.execute(things.insert().values(id=uuid4(), colour=Colour.BLUE, details={}, number=3))
    red = Lookup(
        select(things.c.number, things.c.details)
        .where(things.c.colour == Colour.RED, things.c.number >= bindparam("least", type_=Integer))
        .order_by(things.c.number)
        .limit(2)
    )
    async with database.read() as connection:
        assert await red.rows(connection, {"least": 1, "not": "asked for"}) == [(1, {}), (2, {})]
        assert await red.rows(connection, {"least": 0}) == [(0, {}), (1, {})]
        assert await red.rows(connection, {"least": 9}) == []


async def test_connection_of_rows_that_nobody_waits_for_any_more_is_not_used_again(database: Database) -> None:
    async def sleep() -> None:
        async with database.read() as connection:
            await slowly.rows(connection, {"seconds": 5})

    waiting = asyncio.create_task(sleep())
    await asyncio.sleep(0.2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(2), database.read() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_no_row_is_none(database: Database) -> None:
    assert await by_id.row(database, id=uuid4()) is None


async def test_values_are_converted_for_the_driver(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(things.insert().values(id=uuid4(), colour=Colour.RED, name="Ada"))
    by_colour = Lookup(select(things.c.name).where(things.c.colour == bindparam("colour")))
    assert await by_colour.row(database, colour=Colour.RED) == ("Ada",)
    assert await by_colour.row(database, colour=Colour.BLUE) is None


async def test_connection_comes_back_whatever_happened(database: Database) -> None:
    nothing = Lookup(select(text("1")).select_from(text("nothing")))
    for _ in range(3):
        with pytest.raises(Exception, match="nothing"):
            await nothing.row(database)
        assert await by_id.row(database, id=uuid4()) is None


async def test_lookup_that_is_given_up_harms_nobody(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await slowly.row(database, seconds=10)
    async with asyncio.timeout(5):
        assert await by_id.row(database, id=uuid4()) is None


async def test_lost_connection_is_replaced(database: Database) -> None:
    [process] = await Lookup(select(func.pg_backend_pid())).row(database) or ()
    other = Database(database.settings, service="killer")
    async with other.lifespan(), other.read() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})

    async def works_again() -> bool:
        try:
            return await by_id.row(database, id=uuid4()) is None
        except DatabaseAwayError:
            return False

    await eventually(works_again)


async def test_slow_lookup_is_the_database_being_away(empty_database: DatabaseSettings) -> None:
    impatient = empty_database.model_copy(update={"statement_timeout_seconds": 0.05})
    database = Database(impatient, service="lookups")
    async with database.lifespan():
        with pytest.raises(DatabaseAwayError):
            await slowly.row(database, seconds=10)


async def test_database_that_is_not_there_is_away() -> None:
    away = DatabaseSettings(url=SecretStr("postgresql+asyncpg://nobody:nothing@127.0.0.1:1/nothing"))
    database = Database(away, service="lookups")
    async with database.lifespan():
        with pytest.raises(DatabaseAwayError):
            await by_id.row(database, id=uuid4())


async def test_many_lookups_share_few_connections(empty_database: DatabaseSettings) -> None:
    watching, looking = (Database(empty_database, service=name) for name in ("watching", "looking"))
    query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'looking'")
    async with watching.lifespan(), watching.read() as connection:

        async def are(count: int) -> bool:
            return bool(await connection.scalar(query) == count)

        async with looking.lifespan():
            await asyncio.gather(*(slowly.row(looking, seconds=0.01) for _ in range(20)))
            assert await are(3)
        await eventually(lambda: are(0))
