"""Steps are kept for as long as anybody may ask how things stood, and the last one for ever."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from chassis.database import Database
from chassis.ids import uuid7
from chassis.spans import Span
from chassis.testing import FakeClock
from inventory.data.directory import SqlStockDirectory
from inventory.domain.reservations import HISTORY, State
from inventory.domain.services import ReservationService
from inventory.workers.retention import Retention

pytestmark = pytest.mark.anyio


async def test_only_steps_that_nobody_can_ask_about_are_forgotten(
    database: Database,
    reservations: ReservationService,
    clock: FakeClock,
    receive: Callable[..., Awaitable[None]],
) -> None:
    await receive(A=10)
    order = uuid7()
    await reservations.reserve(order, {"A": 1}, timedelta(minutes=15))
    await reservations.pin(order)
    clock.advance(days=1)
    await reservations.commit(order)
    forget = Retention(reservations)
    assert await forget() == 0

    async def stood() -> list[State]:
        as_of = clock.now() - HISTORY
        found = await SqlStockDirectory(database).find_reservations(as_of, Span(), after=None, limit=10)
        return [each.state for each in found]

    clock.advance(days=399, hours=12)
    assert await forget() == 1
    assert await stood() == [State.PINNED]
    clock.advance(days=1)
    assert await forget() == 1
    assert await forget() == 0
    assert await stood() == [State.COMMITTED]
