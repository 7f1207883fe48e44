"""What aggregates of a unit of work have recorded is told, whoever still remembers them at the commit."""

import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, select, text
from sqlalchemy.orm import registry

from chassis.database import Database
from chassis.events import EventData, Message
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata, outbox

pytestmark = pytest.mark.anyio

metadata = MetaData()
counters = Table("counters", metadata, Column("id", Integer, primary_key=True), Column("value", Integer))


class Counter:
    def __init__(self, counter_id: int) -> None:
        self.id, self.value = counter_id, 0
        self.events: list[int] = []

    def count(self) -> None:
        self.value += 1
        self.events.append(self.value)


registry(metadata=metadata).map_imperatively(Counter, counters)


@event.listens_for(Counter, "load")
def _without_events(counter: Counter, _context: Any) -> None:
    counter.events = []


class Counted(EventData):
    name = "counted"
    value: int


@pytest.fixture
async def database(empty_database: DatabaseSettings) -> AsyncIterator[Database]:
    writer = Writer(
        service="counters", publish=lambda value: Message(Counted(value=value), subject="1", sequence=value)
    )
    database = Database(empty_database, service="counters", before_commit=[writer])
    async with database.lifespan():
        async with database.transaction() as session:
            connection = await session.connection()
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(chassis_metadata.create_all)
            session.add(Counter(1))
        yield database


async def test_events_of_forgotten_aggregates_are_told(database: Database) -> None:
    async with database.transaction() as session:

        async def count(counter: Counter | None) -> None:
            assert counter is not None
            counter.count()
            # Whatever the next query is, it writes the change down, and the session lets go of the object.
            await session.execute(text("SELECT 1"))
            await session.flush()

        await count(await session.get(Counter, 1))
        added = Counter(2)
        session.add(added)
        await count(added)
        del added
        gc.collect()
    async with database.read() as connection:
        assert len((await connection.execute(select(outbox))).all()) == 2
