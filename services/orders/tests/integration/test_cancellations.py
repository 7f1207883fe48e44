"""Orders that are called off, at every step."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from chassis.app import Service
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import told, work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("reserve", ["reserve", "release"]),
        ("authorise", ["reserve", "authorise", "void", "release"]),
        ("pin", ["reserve", "authorise", "pin", "void", "release"]),
        ("capture", ["reserve", "authorise", "pin", "capture", "commit", "refund", "restock"]),
        ("commit", ["reserve", "authorise", "pin", "capture", "commit", "refund", "restock"]),
    ],
)
async def test_order_called_off_during_a_step_leaves_nothing_behind(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str, steps: list[str]
) -> None:
    order_id = await placed()
    gate = peers.hold(step)
    working = asyncio.create_task(work(service, worker))
    await gate.reached()
    answer = await shop.cancel(order_id, "I changed my mind.")
    assert (answer.status_code, answer.json()["cancel_requested_at"] is None) == (202, False)
    gate.opened.set()
    await working
    order = await shop.read(order_id)
    assert (order["status"], order["reason"]) == ("cancelled", "I changed my mind.")
    assert (order["history"][-1]["status"], order["history"][-1]["by"]) == ("cancelled", "customer")
    assert peers.steps(order_id) == steps
    captured = "capture" in steps
    assert (peers.money(order_id), peers.goods(order_id)) == ("refunded" if captured else "none", "none")
    assert peers.stock["MUG"] == 1000
    confirmed = ["order-confirmed"] if captured else []
    assert await told(service, order_id) == ["order-placed", *confirmed, "order-cancelled"]


async def test_order_called_off_before_anything_was_done_asks_nobody(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    assert (await shop.cancel(order_id)).status_code == 202
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert peers.steps(order_id) == []


@pytest.mark.parametrize("fault", ["away", "unseen", "lost", "gone"])
@pytest.mark.parametrize("step", ["refund", "restock"])
async def test_confirmed_order_is_undone_once_whatever_gets_lost(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str, fault: str
) -> None:
    order_id = await placed()
    await work(service, worker)
    peers.fault(step, fault, fault)  # type: ignore[arg-type]
    for _ in range(2):
        assert (await shop.cancel(order_id)).status_code == 202
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("refunded", "none", 1000)
    assert await told(service, order_id) == ["order-placed", "order-confirmed", "order-cancelled"]


@pytest.mark.parametrize("step", ["authorise", "pin", "capture"])
async def test_order_called_off_while_its_peer_is_away_is_undone_when_it_is_back(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str
) -> None:
    """The call was made and nobody knows what became of it: it is undone, and a capture is gone through with first."""
    order_id = await placed()
    peers.fault(step, "lost")
    await worker.work_once()
    await shop.cancel(order_id)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    money = "refunded" if step == "capture" else "none"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == (money, "none", 1000)


async def test_refund_that_the_provider_refuses_waits_for_staff(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, as_staff: dict[str, str]
) -> None:
    order_id = await placed("tok_refund_refused")
    await work(service, worker)
    await shop.cancel(order_id)
    assert await worker.work_once()
    listed = await shop.client.get(f"/v1/sagas?order_id={order_id}&state=running", headers=as_staff)
    [saga] = listed.json()["items"]
    assert (saga["kind"], saga["step"], saga["error"].partition(":")[0]) == ("reversal", "refund", "refused")
    assert (await shop.read(order_id))["status"] == "confirmed"
    assert peers.goods(order_id) == "committed"


async def test_order_is_not_over_while_the_provider_does_not_let_go_of_its_money(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, as_staff: dict[str, str]
) -> None:
    order_id = await placed()
    peers.fault("pin", "away")
    peers.voids_refused = 1
    await worker.work_once()
    await shop.cancel(order_id)
    assert await worker.work_once()
    listed = await shop.client.get(f"/v1/sagas?order_id={order_id}&state=running", headers=as_staff)
    [saga] = listed.json()["items"]
    assert (saga["step"], saga["error"]) == ("void", "pending: try-later")
    assert ((await shop.read(order_id))["status"], peers.money(order_id)) == ("authorised", "authorised")
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert (peers.money(order_id), peers.goods(order_id)) == ("none", "none")


async def test_authorisation_that_is_pending_is_given_up_once_it_is_known(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers
) -> None:
    order_id = await placed("tok_answer_late")
    await worker.work_once()
    await shop.cancel(order_id)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert (peers.money(order_id), peers.goods(order_id)) == ("none", "none")
    assert peers.steps(order_id) == ["reserve", "authorise", "void", "void", "void", "release"]


@pytest.mark.parametrize("step", ["void", "release"])
async def test_refused_order_stays_rejected_when_it_is_called_off_meanwhile(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str
) -> None:
    order_id = await placed("tok_capture_refused")
    gate = peers.hold(step)
    working = asyncio.create_task(work(service, worker))
    await gate.reached()
    assert (await shop.cancel(order_id)).status_code == 202
    gate.opened.set()
    await working
    assert (await shop.read(order_id))["status"] == "rejected"
    assert (peers.money(order_id), peers.goods(order_id)) == ("none", "none")
    assert await told(service, order_id) == ["order-placed", "order-rejected"]


@pytest.mark.parametrize("step", ["refund", "restock"])
async def test_order_called_off_again_while_it_is_undone_is_undone_once(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed, peers: Peers, step: str
) -> None:
    order_id = await placed()
    await work(service, worker)
    await shop.cancel(order_id)
    gate = peers.hold(step)
    working = asyncio.create_task(work(service, worker))
    await gate.reached()
    assert (await shop.cancel(order_id)).status_code == 202
    gate.opened.set()
    await working
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert peers.steps(order_id)[-2:] == ["refund", "restock"]
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("refunded", "none", 1000)


async def test_rejected_order_cannot_be_called_off(
    service: Service, worker: SagaWorker, shop: Shop, placed: Placed
) -> None:
    order_id = await placed("tok_decline")
    await work(service, worker)
    refused = await shop.cancel(order_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "order-not-cancellable")
    assert refused.json()["order_status"] == "rejected"
