"""Whoever does the work hears of it at once, in whatever process it was left."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from chassis.doorbell import Doorbell
from chassis.testing import eventually

pytestmark = pytest.mark.anyio


class Worker:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


async def listens(shop: Any) -> list[int]:
    """Return the sessions that listen."""
    listening = "SELECT pid FROM pg_stat_activity WHERE application_name = 'shop-chores' AND query = 'SELECT 1'"
    return [row.pid for row in await shop.rows(listening)]


async def test_ring_is_heard_in_another_process(shop: Any, open_shop: Any, beside: Any) -> None:
    here, there, worker = Doorbell("chores"), Doorbell("chores"), Worker()
    other = await open_shop()
    async with here.lifespan(shop.database), beside(there.listen(other.database, worker.wake)):
        await eventually(lambda: listens(shop))
        before = worker.woken
        here.ring()
        await eventually(lambda: worker.woken == before + 1)


async def test_ring_in_the_same_process_asks_nobody(shop: Any, beside: Any) -> None:
    bell, worker = Doorbell("chores"), Worker()
    async with beside(bell.listen(shop.database, worker.wake)):
        await eventually(lambda: listens(shop))
        before = worker.woken
        bell.ring()
        assert worker.woken == before + 1


async def test_many_rings_are_carried_as_one(shop: Any, open_shop: Any, beside: Any) -> None:
    here, there, worker = Doorbell("chores"), Doorbell("chores"), Worker()
    other = await open_shop()
    async with here.lifespan(shop.database), beside(there.listen(other.database, worker.wake)):
        await eventually(lambda: listens(shop))
        before = worker.woken
        for _ in range(100):
            here.ring()
        await eventually(lambda: worker.woken > before)
        await asyncio.sleep(0.1)
    assert worker.woken <= before + 2


async def test_listener_comes_back_and_looks_for_what_it_missed(shop: Any, beside: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("chassis.doorbell._PROVE_SECONDS", 0.05)
    bell, worker = Doorbell("chores"), Worker()
    async with beside(bell.listen(shop.database, worker.wake)):
        await eventually(lambda: listens(shop))
        (lost,) = await listens(shop)
        before = worker.woken
        async with shop.database.engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_terminate_backend({lost})"))
        await eventually(lambda: worker.woken > before)
        assert await listens(shop) != [lost]
