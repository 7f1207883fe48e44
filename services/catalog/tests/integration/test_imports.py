"""Imports against the real database: at once, and after their time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select, update

from catalog.data.imports import KEPT, purge
from catalog.data.tables import import_lines, imports, offers, products
from catalog.data.units import SqlUnitOfWork
from catalog.domain.importing import ImportService
from catalog.domain.imports import GivenPrice, GivenVariant, Import, Line, Record
from catalog.domain.ports import UnitOfWork
from catalog.domain.products import Status
from catalog.domain.variants import Spec, TaxClass
from chassis.database import Database
from chassis.money import Money
from chassis.tables import outbox
from chassis.testing import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def service(database: Database, clock: FakeClock) -> ImportService:
    @asynccontextmanager
    async def units() -> AsyncIterator[UnitOfWork]:
        async with database.transaction() as session:
            yield SqlUnitOfWork(session)

    return ImportService(units, clock)


def line(number: int, *, sku: str | None = None) -> Line:
    spec = Spec(sku or f"S-{number}", "", 1, TaxClass.STANDARD)
    variant = GivenVariant(spec, [GivenPrice(Money(100, "EUR"))])
    return Line(number, Record(f"thing-{number}", {"name": f"Thing {number}"}, [variant], Status.PUBLISHED))


async def count(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def test_piece_that_is_sent_many_times_at_once_counts_once(service: ImportService, database: Database) -> None:
    started = await service.start("shop")
    piece = [line(number) for number in range(1, 21)]

    async def send() -> None:
        await service.bring_in(started.id, piece)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(send)
    found = await service.get(started.id)
    assert (found.lines, found.created, found.unchanged) == (20, 20, 0)
    for table, expected in ((products, 20), (offers, 20), (import_lines, 20), (outbox, 40)):
        assert await count(database, table) == expected, table


async def test_line_that_is_refused_leaves_nothing_behind(service: ImportService, database: Database) -> None:
    started = await service.start("shop")
    found = await service.bring_in(started.id, [line(1), line(2, sku="S-1"), line(3)])
    assert (found.created, found.refused) == (2, 1)
    assert await count(database, products) == 2
    assert await count(database, outbox) == 4


async def test_old_imports_are_forgotten_with_their_reports(service: ImportService, database: Database) -> None:
    old, young = [await service.start(name) for name in ("old", "young")]
    for each in (old, young):
        await service.bring_in(each.id, [line(1)])

    async def age(each: Import, days: timedelta) -> None:
        async with database.read() as connection:
            began = update(imports).where(imports.c.id == each.id).values(started_at=func.now() - days)
            await connection.execute(began)

    await age(old, KEPT + timedelta(hours=1))
    await age(young, KEPT - timedelta(hours=1))
    assert await purge(database) == 1
    assert (await service.get(young.id)).lines == 1
    assert await count(database, import_lines) == 1
