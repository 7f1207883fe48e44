"""What is held beyond its time is given back, whoever else is about."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from chassis.database import Database
from chassis.ids import uuid7
from chassis.tables import outbox
from chassis.testing import FakeClock
from inventory.data.directory import SqlStockDirectory
from inventory.domain.ports import StockFilter
from inventory.domain.reservations import State
from inventory.domain.services import ReservationService
from inventory.workers.expiry import Expiry

pytestmark = pytest.mark.anyio

LIFETIME = timedelta(minutes=15)


@pytest.fixture(autouse=True)
async def stocked(receive: Callable[..., Awaitable[None]]) -> None:
    await receive(A=1000)


async def reserved(database: Database) -> int:
    [level] = await SqlStockDirectory(database).find_stock(StockFilter(), after=None, limit=1)
    return level.reserved


async def test_only_what_is_held_beyond_its_time_is_given_back(
    database: Database, reservations: ReservationService, clock: FakeClock
) -> None:
    due, later, pinned, committed = (uuid7() for _ in range(4))
    await reservations.reserve(due, {"A": 1}, LIFETIME)
    await reservations.reserve(later, {"A": 2}, LIFETIME + timedelta(seconds=1))
    for order in (pinned, committed):
        await reservations.reserve(order, {"A": 4}, LIFETIME)
        await reservations.pin(order)
    await reservations.commit(committed)
    clock.advance(minutes=15)
    assert await Expiry(reservations)() == 1
    directory = SqlStockDirectory(database)
    found = [await directory.find_reservation(order) for order in (due, later, pinned, committed)]
    assert [each and each.state for each in found] == [State.EXPIRED, State.HELD, State.PINNED, State.COMMITTED]
    assert await reserved(database) == 6
    assert await Expiry(reservations)() == 0


async def test_expiry_is_told_as_such(database: Database, reservations: ReservationService, clock: FakeClock) -> None:
    order = uuid7()
    await reservations.reserve(order, {"A": 1}, LIFETIME)
    clock.advance(hours=1)
    await Expiry(reservations)()
    async with database.read() as connection:
        rows = (await connection.execute(select(outbox).order_by(outbox.c.position))).all()
    assert [row.type for row in rows] == [
        "tradewind.inventory.stock-reserved.v1",
        "tradewind.inventory.stock-released.v1",
    ]
    assert rows[-1].data == {
        "order_id": str(order),
        "lines": [{"sku": "A", "warehouse": "main", "quantity": 1}],
        "reason": "expired",
        "released_at": clock.now().isoformat().replace("+00:00", "Z"),
    }


async def test_many_are_given_back_in_one_run(
    database: Database, reservations: ReservationService, clock: FakeClock
) -> None:
    for _ in range(120):
        await reservations.reserve(uuid7(), {"A": 1}, LIFETIME)
    clock.advance(hours=1)
    assert await Expiry(reservations)() == 120
    assert await reserved(database) == 0
