"""Several workers at once, and workers that come back too late."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from chassis.testing import TokenIssuer, eventually, running
from orders.data.tables import orders, sagas
from orders.data.units import SqlSagaRepository, SqlUnitOfWork
from orders.domain.orders import Order
from orders.domain.sagas import Saga
from orders.settings import Settings
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Configure, Shop
from services.orders.tests.integration.working import end_leases, work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]


class UnfencedSagas(SqlSagaRepository):
    """What it would be like without fencing: whoever comes back is believed."""

    async def find_held(self, saga_id: UUID, token: int) -> tuple[Saga, Order, datetime] | None:
        both = select(Saga, Order, func.clock_timestamp()).join_from(Saga, Order, sagas.c.order_id == orders.c.id)
        found = await self._session.execute(both.where(sagas.c.id == saga_id).with_for_update())
        saga, order, now = found.one()
        return saga, order, now


class UnfencedUnit(SqlUnitOfWork):
    def __init__(self, session: object) -> None:
        super().__init__(session)  # type: ignore[arg-type]
        self.sagas = UnfencedSagas(session)  # type: ignore[arg-type]


async def come_back_too_late(service: Service, worker: SagaWorker, shop: Shop, order_id: str, peers: Peers) -> None:
    """Let one worker reserve and sleep; meanwhile the order is called off, and another cannot reach inventory."""
    first = await worker._claim()
    assert first is not None
    assert first.task is not None
    outcome = await worker._attempt(first.task)
    await end_leases(service)
    await shop.cancel(order_id)
    peers.fault("release", "away")
    assert await worker.work_once()
    await worker._settle(first.task, outcome)


async def test_worker_that_comes_back_too_late_changes_nothing(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    await come_back_too_late(service, worker, shop, order_id, peers)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert peers.goods(order_id) == "none"


async def test_without_fencing_it_would(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    worker._units = UnfencedUnit
    order_id = await placed()
    await come_back_too_late(service, worker, shop, order_id, peers)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert peers.goods(order_id) == "held"


async def test_authorisation_that_arrives_after_its_void_finds_a_tombstone(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    gate = peers.hold("authorise")
    first = asyncio.create_task(worker.work_once())
    await gate.reached()
    await end_leases(service)
    await shop.cancel(order_id)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    gate.opened.set()
    await first
    assert (peers.money(order_id), peers.goods(order_id)) == ("none", "none")
    assert peers.steps(order_id)[-1] == "authorise"


async def test_reservation_that_arrives_after_its_release_finds_a_tombstone(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    peers.stock["MUG"] = 1
    gate = peers.hold("reserve")
    first = asyncio.create_task(worker.work_once())
    await gate.reached()
    await end_leases(service)
    await work(service, worker)
    assert (await shop.read(order_id))["code"] == "insufficient-stock"
    peers.stock["MUG"] = 1000
    gate.opened.set()
    await first
    assert peers.goods(order_id) == "none"


async def test_two_workers_share_the_work_and_do_nothing_twice(
    configure: Configure,
    made: Callable[[Settings], Service],
    tokens: TokenIssuer,
    as_staff: dict[str, str],
    peers: Peers,
) -> None:
    peers.sell("MUG", stock=8)
    services = [made(configure(background=True)) for _ in range(2)]
    for step in ("reserve", "authorise", "pin", "capture", "commit", "void", "release"):
        peers.fault(step, "lost", "away")
    kinds = ["tok_approve", "tok_decline", "tok_capture_refused", "tok_answer_late", "tok_approve"] * 4
    async with running(services[0]) as client, running(services[1]):
        ids = []
        for token in kinds:
            shop = Shop(client, tokens.headers(uuid7(), "orders:own"))
            ids.append((await shop.order(await shop.cart(MUG=1), token)).json()["id"])
        await eventually(lambda: nothing_left(services[0]), seconds=90)
        staff = Shop(client, as_staff)
        states = {order_id: (await staff.read(order_id))["status"] for order_id in ids}
    for order_id, state in states.items():
        held = (peers.money(order_id), peers.goods(order_id))
        assert held == (("captured", "committed") if state == "confirmed" else ("none", "none"))
        assert peers.payments[order_id].times_captured == (state == "confirmed") if order_id in peers.payments else True
    confirmed = sum(state == "confirmed" for state in states.values())
    assert set(states.values()) == {"confirmed", "rejected"}
    assert peers.stock["MUG"] == 8 - confirmed


async def nothing_left(service: Service) -> bool:
    database: Database = service.app.state.database
    async with database.read() as connection:
        left = await connection.scalar(select(func.count()).where(sagas.c.finished_at.is_(None)))
    return left == 0


async def test_worker_that_is_stopped_gives_its_saga_back(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    gate = peers.hold("authorise")
    stopped = asyncio.create_task(worker.work_once())
    await gate.reached()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    gate.opened.set()
    await worker.work_once()
    assert (await shop.read(order_id))["status"] == "confirmed"


async def test_work_begins_right_after_the_order(
    configure: Configure, made: Callable[[Settings], Service], as_ada: dict[str, str], peers: Peers
) -> None:
    service = made(configure(background=True, poll_seconds=600))
    async with running(service) as client:
        shop = Shop(client, as_ada)
        answer = await shop.order(await shop.cart(**{peers.sell("MUG"): 1}), prefer="wait=9")
    assert answer.json()["status"] == "confirmed"


async def test_worker_in_another_process_is_told_of_an_order(
    made: Callable[[Settings], Service], configure: Configure, shop: Shop, placed: Placed
) -> None:
    apart = made(configure(background=True, poll_seconds=600))
    async with running(apart):
        await eventually(partial(_listens, apart))
        first, second = await placed(), await placed()
        await eventually(partial(_are_confirmed, shop, first, second), seconds=10)


async def _listens(service: Service) -> bool:
    database: Database = service.app.state.database
    async with database.read() as connection:
        heard = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orders-sagas'")
        return bool(await connection.scalar(heard))


async def _are_confirmed(shop: Shop, *order_ids: str) -> bool:
    return all([(await shop.read(order_id))["status"] == "confirmed" for order_id in order_ids])
