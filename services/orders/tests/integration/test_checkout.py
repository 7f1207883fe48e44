"""The checkout, from the order to its end, against peers behind real HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from chassis.app import Service
from chassis.database import Database
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import told, work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]
FORWARD = ["reserve", "authorise", "pin", "capture", "commit"]


async def test_order_is_paid_and_its_stock_taken(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    assert (await shop.read(order_id))["status"] == "placed"
    await work(service, worker)
    order = await shop.read(order_id)
    assert (order["status"], peers.money(order_id), peers.goods(order_id)) == ("confirmed", "captured", "committed")
    assert peers.steps(order_id) == FORWARD
    assert peers.payments[order_id].amount == order["total"]
    assert peers.stock["MUG"] == 997
    assert [each["status"] for each in order["history"]] == [
        "placed", "reserved", "authorised", "pinned", "captured", "confirmed",
    ]  # fmt: skip
    assert await told(service, order_id) == ["order-placed", "order-confirmed"]


@pytest.mark.parametrize(
    ("token", "stock", "code", "steps"),
    [
        ("tok_approve", 2, "insufficient-stock", ["reserve", "release"]),
        ("tok_decline", 9, "payment-declined", ["reserve", "authorise", "release"]),
        (
            "tok_capture_refused",
            9,
            "capture-refused",
            ["reserve", "authorise", "pin", "capture", "void", "release"],
        ),
    ],
)
async def test_refused_order_holds_neither_money_nor_stock(
    service: Service,
    worker: SagaWorker,
    shop: Shop,
    placed: Placed,
    peers: Peers,
    token: str,
    stock: int,
    code: str,
    steps: list[str],
) -> None:
    order_id = await placed(token)
    peers.stock["MUG"] = stock
    await work(service, worker)
    order = await shop.read(order_id)
    assert (order["status"], order["code"]) == ("rejected", code)
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("none", "none", stock)
    assert peers.steps(order_id) == steps
    assert await told(service, order_id) == ["order-placed", "order-rejected"]


async def test_reservation_that_expired_is_no_order(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed("tok_answer_late")
    await worker.work_once()
    peers.reservations[order_id].expires_at = 0
    await work(service, worker)
    order = await shop.read(order_id)
    assert (order["status"], order["code"]) == ("rejected", "reservation-expired")
    assert (peers.money(order_id), peers.goods(order_id)) == ("none", "none")


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("reserve", ["reserve", "release"]),
        ("authorise", ["reserve", "authorise", "void", "release"]),
        ("pin", ["reserve", "authorise", "pin", "void", "release"]),
    ],
)
async def test_checkout_whose_time_is_over_is_undone_before_its_reservation_expires(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str, steps: list[str]
) -> None:
    order_id = await placed()
    peers.fault(step, "lost")
    await worker.work_once()
    await pass_patience(service)
    await work(service, worker)
    order = await shop.read(order_id)
    assert (order["status"], order["code"]) == ("rejected", "checkout-timed-out")
    assert peers.steps(order_id) == steps
    assert peers.reservations[order_id].state == "released"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("none", "none", 1000)


@pytest.mark.parametrize("step", ["capture", "commit"])
async def test_checkout_has_all_the_time_it_needs_once_its_capture_has_begun(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str
) -> None:
    order_id = await placed()
    peers.fault(step, "unseen")
    await worker.work_once()
    await pass_patience(service)
    peers.reservations[order_id].expires_at = 0
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "confirmed"
    assert (peers.money(order_id), peers.goods(order_id)) == ("captured", "committed")


async def pass_patience(service: Service) -> None:
    database: Database = service.app.state.database
    async with database.read() as connection:
        await connection.execute(text("UPDATE sagas SET deadline_at = now()"))


async def test_pending_payment_is_asked_for_again(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed("tok_answer_late")
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "confirmed"
    assert peers.steps(order_id) == ["reserve", "authorise", "authorise", *FORWARD[1:]]


@pytest.mark.parametrize("fault", ["away", "unseen", "lost", "gone"])
@pytest.mark.parametrize("step", FORWARD)
async def test_step_without_an_answer_is_asked_again(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str, fault: Any
) -> None:
    order_id = await placed()
    peers.fault(step, fault, fault)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "confirmed"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("captured", "committed", 997)
    assert peers.payments[order_id].times_captured == 1
    assert await told(service, order_id) == ["order-placed", "order-confirmed"]


@pytest.mark.parametrize("fault", ["away", "unseen", "lost", "gone"])
@pytest.mark.parametrize("step", ["void", "release"])
async def test_undoing_without_an_answer_is_asked_again(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str, fault: Any
) -> None:
    order_id = await placed("tok_capture_refused")
    peers.fault(step, fault, fault)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "rejected"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("none", "none", 1000)


async def test_cart_survives_a_declined_order_and_is_empty_after_a_good_one(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed("tok_decline")
    await work(service, worker)
    cart_id = (await shop.read(order_id))["cart_id"]
    second = (await shop.order(cart_id)).json()["id"]
    await shop.cart(MUG=4)
    await work(service, worker)
    assert (await shop.read(second))["status"] == "confirmed"
    cart = await shop.client.get(f"/v1/carts/{cart_id}", headers=shop.headers)
    assert cart.json()["lines"] == [{"sku": "MUG", "quantity": 1}]


async def test_token_is_forgotten_once_it_was_used(service: Service, worker: SagaWorker, placed: Placed) -> None:
    await placed()
    database: Database = service.app.state.database
    await work(service, worker)
    async with database.read() as connection:
        kept = await connection.execute(text("SELECT * FROM sagas WHERE payment IS NOT NULL"))
        assert kept.all() == []
        everything = await connection.execute(text("SELECT o::text FROM orders o"))
        assert all("tok_approve" not in row for (row,) in everything)
