"""Pages as PostgreSQL reads them."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Enum,
    Index,
    MetaData,
    Row,
    Table,
    Text,
    Uuid,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from chassis.cursors import CursorValue, decode
from chassis.keyset import read_page, within
from chassis.pagination import cut
from chassis.settings import DatabaseSettings
from chassis.spans import Span

pytestmark = pytest.mark.anyio

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("grade", Enum("low", "high", name="grade"), nullable=False),
)
Index("things_by_time", THINGS.c.made_at, THINGS.c.id)
START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def connection(empty_database: DatabaseSettings) -> AsyncIterator[AsyncConnection]:
    """Give 60 things of which many were made at the same time, in no order."""
    engine = create_async_engine(empty_database.url.get_secret_value())
    things = [
        {
            "id": UUID(int=number),
            "made_at": START + timedelta(microseconds=number // 7),
            "name": "ä" * (number % 5),
            "size": number % 3 << 40,
            "grade": "high" if number % 2 else "low",
        }
        for number in range(60)
    ]
    random.Random(7).shuffle(things)
    async with engine.begin() as opened:
        await opened.run_sync(METADATA.create_all)
        await opened.execute(insert(THINGS), things)
        yield opened
    await engine.dispose()


async def read_all(
    connection: AsyncConnection, *columns: Column[Any], types: tuple[type[Any], ...], descending: bool
) -> list[UUID]:
    """Read page by page, the key through a cursor each time."""
    seen: list[UUID] = []
    after: tuple[CursorValue, ...] | None = None
    while True:
        statement = read_page(select(THINGS), *columns, after=after, limit=7, descending=descending)
        rows = (await connection.execute(statement)).all()
        page, cursor = cut(rows, 7, key=lambda row: [getattr(row, column.name) for column in columns])
        seen += [row.id for row in page]
        if cursor is None:
            return seen
        after = decode(cursor, *types)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("names", "types"),
    [
        (("id",), (UUID,)),
        (("made_at", "id"), (datetime, UUID)),
        (("name", "id"), (str, UUID)),
        (("grade", "id"), (str, UUID)),
        (("size", "name", "id"), (int, str, UUID)),
    ],
    ids=["id", "time", "name", "grade", "size and name"],
)
async def test_pages_are_the_whole_list_in_order(
    connection: AsyncConnection,
    names: tuple[str, ...],
    types: tuple[type[Any], ...],
    descending: bool,  # noqa: FBT001
) -> None:
    columns = [THINGS.c[name] for name in names]
    order = [column.desc() if descending else column.asc() for column in columns]
    whole = (await connection.execute(select(THINGS.c.id).order_by(*order))).scalars().all()

    assert await read_all(connection, *columns, types=types, descending=descending) == list(whole)


async def test_row_that_is_added_or_removed_between_pages_shifts_nothing(connection: AsyncConnection) -> None:
    first = await page(connection, after=None)
    await connection.execute(THINGS.delete().where(THINGS.c.id == first[0].id))
    new = {"id": UUID(int=1000), "made_at": START - timedelta(days=1), "name": "", "size": 0, "grade": "low"}
    await connection.execute(insert(THINGS).values(new))

    second = await page(connection, after=(first[-2].made_at, first[-2].id))

    assert second[0].id == first[-1].id


async def test_filters_stay(connection: AsyncConnection) -> None:
    statement = select(THINGS).where(THINGS.c.size == 1 << 40)
    rows = (await connection.execute(read_page(statement, THINGS.c.id, after=(UUID(int=30),), limit=5))).all()
    assert [row.id.int for row in rows] == [31, 34, 37, 40, 43, 46]


async def test_page_is_read_from_the_index(connection: AsyncConnection) -> None:
    await connection.execute(text("SET LOCAL enable_seqscan = off"))
    statement = read_page(select(THINGS.c.id), THINGS.c.made_at, THINGS.c.id, after=(START, UUID(int=3)), limit=5)
    compiled = statement.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
    plan = "\n".join((await connection.execute(text(f"EXPLAIN {compiled}"))).scalars())
    assert "Index Cond: (ROW(made_at, id) > ROW(" in plan
    assert "Sort" not in plan


async def page(connection: AsyncConnection, *, after: tuple[datetime, UUID] | None) -> list[Row[Any]]:
    statement = read_page(select(THINGS), THINGS.c.made_at, THINGS.c.id, after=after, limit=7)
    return list((await connection.execute(statement)).all())


async def test_stretch_has_its_first_key_and_not_the_one_after_it(connection: AsyncConnection) -> None:
    async def names(span: Span[str]) -> list[str]:
        return list((await connection.scalars(select(THINGS.c.name).where(within(THINGS.c.name, span)))).all())

    every = sorted(await names(Span()))
    first, before = every[10], every[40]
    assert sorted(await names(Span(first=first))) == [each for each in every if each >= first]
    assert sorted(await names(Span(before=before))) == [each for each in every if each < before]
    assert sorted(await names(Span(first, before))) == [each for each in every if first <= each < before]
