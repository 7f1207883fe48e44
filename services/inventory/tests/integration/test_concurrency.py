"""What everybody wants at the same moment: nothing is promised twice, and nobody waits in a circle."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import ServiceError
from chassis.ids import uuid7
from chassis.testing import FakeClock
from inventory.data.directory import SqlStockDirectory
from inventory.data.units import SqlUnits
from inventory.domain.events import Pieces
from inventory.domain.ports import StockFilter
from inventory.domain.reservations import State
from inventory.domain.services import Answered, ReservationService
from inventory.domain.stock import Reason, adjustment
from inventory.domain.views import ReservationView, StockView

pytestmark = pytest.mark.anyio

Receive = Callable[..., Awaitable[None]]
Unsound = Callable[[], Awaitable[list[object]]]
LIFETIME = timedelta(minutes=15)


async def outcomes(*attempts: Coroutine[Any, Any, Any]) -> Counter[str]:
    """Do everything at once; return how it ended, by state or code. What nobody expects fails the test.

    At once means on all connections: more would only wait for one, and on a slow machine for too long.
    """
    connections = asyncio.Semaphore(20)

    async def attempt(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async with connections:
            return await coroutine

    ended = []
    for each in await asyncio.gather(*map(attempt, attempts), return_exceptions=True):
        match each:
            case Answered():
                ended.append(f"{each.reservation.state} {'now' if each.new else 'before'}")
            case ReservationView():
                ended.append(str(each.state))
            case ServiceError():
                ended.append(each.code)
            case BaseException():
                raise each
            case _:
                ended.append("done")
    return Counter(ended)


@pytest.fixture
def directory(database: Database) -> SqlStockDirectory:
    return SqlStockDirectory(database)


async def stock_of(directory: SqlStockDirectory, sku: str) -> StockView:
    [row] = await directory.find_stock(StockFilter(sku=sku), after=None, limit=1)
    return row


async def test_fifty_of_two_hundred_buyers_get_the_fifty_pieces(
    reservations: ReservationService, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    await receive(HOT=50)
    ended = await outcomes(*(reservations.reserve(uuid7(), {"HOT": 1}, LIFETIME) for _ in range(200)))
    assert ended == {"held now": 50, "insufficient-stock": 150}
    assert await stock_of(directory, "HOT") == StockView("HOT", "main", 50, 50)
    assert await unsound() == []


async def test_no_piece_is_left_over_when_many_want_several(
    reservations: ReservationService, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    await receive(A=60, B=90)
    wanted: list[dict[str, int]] = [{"A": 2, "B": 3}, {"B": 3, "A": 2}]
    ended = await outcomes(*(reservations.reserve(uuid7(), wanted[number % 2], LIFETIME) for number in range(100)))
    assert ended == {"held now": 30, "insufficient-stock": 70}
    assert await unsound() == []


async def test_orders_of_many_lines_do_not_wait_in_a_circle(
    units: SqlUnits, clock: FakeClock, reservations: ReservationService, receive: Receive, unsound: Unsound
) -> None:
    skus = [f"S{number:02}" for number in range(30)]
    await receive(**dict.fromkeys(skus, 1000))
    order = random.Random(1)

    async def adjust() -> None:
        async with units() as uow:
            pieces = [Pieces(sku, "main", 1) for sku in order.sample(skus, len(skus))]
            await uow.stock.adjust([adjustment(each, Reason.FOUND, clock.now()) for each in pieces])

    async def buy(finish: Callable[[UUID], Awaitable[ReservationView]]) -> ReservationView:
        order_id = uuid7()
        wanted = dict.fromkeys(order.sample(skus, 20), 1)
        await reservations.reserve(order_id, wanted, LIFETIME)
        return await finish(order_id)

    ended = await outcomes(
        *(adjust() for _ in range(40)),
        *(buy(reservations.commit) for _ in range(40)),
        *(buy(reservations.release) for _ in range(40)),
    )
    assert ended == {"done": 40, "committed": 40, "released": 40}
    assert await unsound() == []


async def test_new_skus_are_entered_by_many_at_once(units: SqlUnits, clock: FakeClock, unsound: Unsound) -> None:
    skus = [f"S{number:02}" for number in range(30)]
    order = random.Random(2)

    async def adjust() -> None:
        async with units() as uow:
            pieces = [Pieces(sku, "main", 1) for sku in order.sample(skus, 20)]
            await uow.stock.adjust([adjustment(each, Reason.FOUND, clock.now()) for each in pieces])

    assert await outcomes(*(adjust() for _ in range(40))) == {"done": 40}
    assert await unsound() == []


async def test_order_that_is_repeated_at_once_holds_once(
    reservations: ReservationService, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    await receive(A=100)
    order_id = uuid7()
    ended = await outcomes(*(reservations.reserve(order_id, {"A": 2}, LIFETIME) for _ in range(20)))
    assert ended == {"held now": 1, "held before": 19}
    assert (await stock_of(directory, "A")).reserved == 2
    assert await unsound() == []


async def test_release_wins_over_its_late_original_however_close(
    reservations: ReservationService, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    await receive(A=100)
    orders = [uuid7() for _ in range(40)]
    ended = await outcomes(
        *(reservations.reserve(order_id, {"A": 1}, LIFETIME) for order_id in orders),
        *(reservations.release(order_id) for order_id in reversed(orders)),
    )
    assert ended["released"] == 40
    assert ended["held now"] + ended["reservation-released"] == 40
    # And once more: what was refused stays refused, what was held is not held again.
    again = await outcomes(*(reservations.reserve(order_id, {"A": 1}, LIFETIME) for order_id in orders))
    assert again == {"reservation-released": 40}
    assert (await stock_of(directory, "A")).reserved == 0
    assert await unsound() == []


async def test_commitment_and_release_cannot_both_have_it(
    reservations: ReservationService, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    await receive(A=100)
    orders = [uuid7() for _ in range(40)]
    for order_id in orders:
        await reservations.reserve(order_id, {"A": 1}, LIFETIME)
    ended = await outcomes(
        *(step(order_id) for order_id in orders for step in (reservations.commit, reservations.release))
    )
    assert ended["committed"] == ended["reservation-committed"]
    assert ended["released"] == ended["reservation-released"]
    assert ended["committed"] + ended["released"] == 40
    assert await stock_of(directory, "A") == StockView("A", "main", 100 - ended["committed"], 0)
    assert await unsound() == []


async def test_returns_at_once_are_no_more_than_was_taken(
    reservations: ReservationService, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    await receive(A=10)
    order_id, same = uuid7(), uuid4()
    await reservations.reserve(order_id, {"A": 5}, LIFETIME)
    await reservations.commit(order_id)
    ended = await outcomes(
        *(reservations.take_back(order_id, uuid4(), {"A": 2}) for _ in range(10)),
        *(reservations.take_back(order_id, same, {"A": 1}) for _ in range(5)),
    )
    assert ended == {"committed now": 3, "return-too-large": 8, "committed before": 4}
    assert await stock_of(directory, "A") == StockView("A", "main", 10, 0)
    assert await unsound() == []


async def test_pin_and_expiry_cannot_both_have_it(
    units: SqlUnits, clock: FakeClock, directory: SqlStockDirectory, receive: Receive, unsound: Unsound
) -> None:
    """Replicas' clocks differ: for one the reservations are not over yet, for the other they are."""
    await receive(A=100)
    early, late = ReservationService(units, clock), ReservationService(units, _Ahead(clock))
    orders = [uuid7() for _ in range(40)]
    for order_id in orders:
        await early.reserve(order_id, {"A": 1}, LIFETIME)
    clock.advance(minutes=14)
    ended = await outcomes(*(early.pin(order_id) for order_id in orders), *(late.expire() for _ in range(5)))
    await late.expire()
    found = [await directory.find_reservation(order_id) for order_id in orders]
    states = Counter(each.state for each in found if each)
    assert states[State.PINNED] == ended["pinned"]
    assert states[State.EXPIRED] == ended["reservation-released"]
    assert (await stock_of(directory, "A")).reserved == ended["pinned"]
    assert await unsound() == []


class _Ahead:
    """A clock that is five minutes ahead."""

    def __init__(self, clock: Clock) -> None:
        self.now = lambda: clock.now() + timedelta(minutes=5)
