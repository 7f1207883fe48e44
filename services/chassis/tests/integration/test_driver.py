"""Statements on the driver itself: part of the session's transaction, whoever says the first word in it."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from chassis import driver
from chassis.database import DatabaseAwayError
from chassis.tasks import end
from chassis.testing import eventually

pytestmark = pytest.mark.anyio

INSERT = "INSERT INTO effects (event_id) VALUES ($1)"


async def test_first_statement_on_the_driver_is_committed_with_the_session(shop: Any) -> None:
    async with shop.database.transaction() as session:
        assert await driver.execute(session, INSERT, uuid4()) == "INSERT 0 1"
        assert await shop.count("effects") == 0
    assert await shop.count("effects") == 1


async def test_first_statement_on_the_driver_is_rolled_back_with_the_session(shop: Any) -> None:
    async def change_ones_mind() -> None:
        async with shop.database.transaction() as session:
            await driver.execute(session, INSERT, uuid4())
            raise RuntimeError("after all not")

    with pytest.raises(RuntimeError, match="after all not"):
        await change_ones_mind()
    assert await shop.count("effects") == 0


async def test_rows_are_read_within_the_sessions_transaction(shop: Any) -> None:
    event_id = uuid4()
    async with shop.database.transaction() as session:
        await driver.execute(session, INSERT, event_id)
        [row] = await driver.fetch(session, "SELECT event_id FROM effects WHERE event_id = $1", event_id)
        assert row["event_id"] == event_id
        assert await shop.count("effects") == 0


async def test_both_ways_share_one_transaction(shop: Any) -> None:
    async with shop.database.transaction() as session:
        await session.execute(text("INSERT INTO effects (event_id) VALUES (gen_random_uuid())"))
        await driver.execute_many(session, INSERT, [(uuid4(),), (uuid4(),)])
        assert await session.scalar(text("SELECT count(*) FROM effects")) == 3
        assert await shop.count("effects") == 0
    assert await shop.count("effects") == 3


@pytest.mark.parametrize("begun", [True, False])
async def test_session_ended_by_the_server_means_that_the_database_is_away(shop: Any, *, begun: bool) -> None:
    async def be_cut_off() -> None:
        async with shop.database.transaction() as session:
            connection: Any = session.sync_session.connection().connection.driver_connection
            if begun:
                await session.execute(text("SELECT 1"))
            await shop.execute("SELECT pg_terminate_backend(:pid)", pid=connection.get_server_pid())
            await eventually(connection.is_closed)
            await driver.execute(session, INSERT, uuid4())

    with pytest.raises(DatabaseAwayError):
        await be_cut_off()
    assert await shop.count("effects") == 0


async def test_mistake_in_a_statement_is_not_taken_for_an_absence(shop: Any) -> None:
    async def mistake() -> None:
        async with shop.database.transaction() as session:
            await driver.execute(session, "INSERT INTO nowhere VALUES ($1)", 1)

    with pytest.raises(asyncpg.UndefinedTableError):
        await mistake()


@pytest.mark.parametrize("way", ["driver", "session"])
async def test_cancellation_at_any_moment_leaves_no_transaction_open_in_the_pool(
    shop: Any, open_shop: Any, way: str
) -> None:
    async def tell() -> None:
        async with shop.database.transaction() as session:
            if way == "driver":
                await driver.execute(session, INSERT, uuid4())
            else:
                await session.execute(text("INSERT INTO effects (event_id) VALUES (gen_random_uuid())"))

    outside, told = await open_shop(), 0
    for awaits in range(60):
        telling = asyncio.create_task(tell())
        for _ in range(awaits):
            await asyncio.sleep(0)
        await end(telling)
        before = await outside.count("effects")
        await asyncio.gather(*(tell() for _ in range(5)))
        told += 5
        assert await outside.count("effects") == before + 5, f"cancelled after {awaits} turns of the loop"
    assert told <= await outside.count("effects") <= told + 60
