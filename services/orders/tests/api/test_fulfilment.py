"""Shipments, returns and refunds, as customers and staff meet them."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from hypothesis import given
from hypothesis import strategies as st

from chassis.app import Service
from chassis.money import Money
from orders.domain.returns import share
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import told, work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]


class Desk:
    """What staff does with an order of three mugs, 10.00 each, shipping 3.90."""

    def __init__(self, client: AsyncClient, headers: dict[str, str], order_id: str) -> None:
        self.client = client
        self.headers = headers
        self.order_id = order_id

    async def post(self, path: str, body: object = None, *, key: str | None = None, **headers: str) -> Response:
        sent = {**(headers or self.headers), **({} if key == "" else {"idempotency-key": key or uuid4().hex})}
        return await self.client.post(f"/v1/orders/{self.order_id}{path}", json=body, headers=sent)

    async def ship(self, mugs: int, **options: Any) -> Response:
        lines = [{"sku": "MUG", "quantity": mugs}]
        return await self.post("/shipments", {"carrier": "DHL", "tracking_number": "JD01", "lines": lines}, **options)

    async def send_back(self, mugs: int, **options: Any) -> Response:
        lines = [{"sku": "MUG", "quantity": mugs}]
        return await self.post("/returns", {"lines": lines, "reason": "Too blue."}, **options)


@pytest.fixture
async def desk(
    client: AsyncClient, service: Service, worker: SagaWorker, as_staff: dict[str, str], placed: Placed
) -> Desk:
    order_id = await placed()
    await work(service, worker)
    return Desk(client, as_staff, order_id)


async def test_order_is_shipped_in_parts_and_delivered(desk: Desk, service: Service, shop: Shop) -> None:
    first, second = await desk.ship(1, key="one"), await desk.ship(2)
    assert (first.status_code, first.json()["lines"]) == (201, [{"sku": "MUG", "quantity": 1}])
    assert (await desk.ship(1, key="one")).json() == first.json()
    assert (await shop.read(desk.order_id))["status"] == "shipped"
    for shipment, status in ((first, "shipped"), (second, "delivered"), (second, "delivered")):
        path = f"/shipments/{shipment.json()['id']}/delivery"
        assert (await desk.post(path, key="")).json()["delivered_at"] is not None
        assert (await shop.read(desk.order_id))["status"] == status
    states = [each["status"] for each in (await shop.read(desk.order_id))["history"]]
    assert states[-3:] == ["partly-shipped", "shipped", "delivered"]
    assert (await told(service, desk.order_id))[2:] == ["order-shipped", "order-shipped", "order-delivered"]
    assert (await desk.post(f"/shipments/{uuid4()}/delivery", key="")).status_code == 404


async def test_no_more_is_shipped_than_was_ordered(desk: Desk) -> None:
    await desk.ship(2)
    refused = await desk.ship(2)
    assert (refused.status_code, refused.json()["code"], refused.json()["left"]) == (
        409, "order-not-shippable", {"MUG": 1},
    )  # fmt: skip
    assert (await desk.ship(1)).status_code == 201


async def test_order_that_is_shipped_cannot_be_called_off_nor_the_other_way_round(
    desk: Desk, shop: Shop, service: Service, worker: SagaWorker, placed: Placed
) -> None:
    await desk.ship(1)
    assert (await shop.cancel(desk.order_id)).status_code == 409
    other = Desk(desk.client, desk.headers, await placed())
    assert (await other.ship(1)).json()["code"] == "order-not-shippable"
    await work(service, worker)
    await shop.cancel(other.order_id)
    assert (await other.ship(1)).json()["code"] == "order-not-shippable"


@pytest.mark.parametrize("restock", [True, False])
async def test_return_brings_money_and_pieces_back(
    desk: Desk, service: Service, worker: SagaWorker, shop: Shop, peers: Peers, *, restock: bool
) -> None:
    await desk.ship(3)
    asked = await desk.send_back(2, **shop.headers)
    assert (asked.status_code, asked.json()["state"], asked.json()["amount"]["amount"]) == (201, "requested", 2000)
    accepted = await desk.post(f"/returns/{asked.json()['id']}/acceptance", {"restock": restock})
    assert (accepted.status_code, accepted.json()["state"]) == (202, "accepted")
    peers.fault("refund", "lost")
    peers.fault("restock", "lost")
    await work(service, worker)
    [returned] = (await shop.read(desk.order_id))["returns"]
    assert returned["state"] == "refunded"
    assert list(peers.payments[desk.order_id].refunds.values()) == [2000]
    assert peers.stock["MUG"] == (999 if restock else 997)
    assert (await told(service, desk.order_id))[-1] == "order-refunded"
    again = await desk.post(f"/returns/{asked.json()['id']}/acceptance", {})
    assert (again.status_code, again.json()["code"]) == (409, "return-decided")


async def test_no_more_comes_back_than_was_shipped(desk: Desk, shop: Shop) -> None:
    assert (await desk.send_back(1, **shop.headers)).json()["code"] == "return-too-large"
    await desk.ship(2)
    first = await desk.send_back(2, **shop.headers)
    assert first.status_code == 201
    assert (await desk.send_back(1, **shop.headers)).json()["code"] == "return-too-large"
    declined = await desk.post(f"/returns/{first.json()['id']}/refusal")
    assert (declined.status_code, declined.json()["state"]) == (200, "declined")
    assert (await desk.send_back(1, **shop.headers)).status_code == 201


async def test_refund_is_at_most_what_was_paid(
    desk: Desk, service: Service, worker: SagaWorker, shop: Shop, peers: Peers
) -> None:
    def body(amount: int) -> dict[str, Any]:
        return {"amount": {"amount": amount, "currency": "EUR"}, "reason": "Late."}

    assert (await desk.post("/refunds", body(1000))).status_code == 202
    refused = await desk.post("/refunds", body(2391))
    assert (refused.status_code, refused.json()["code"], refused.json()["left"]) == (409, "refund-too-large", 2390)
    assert (await desk.post("/refunds", body(0))).status_code == 422
    await work(service, worker)
    assert (await shop.read(desk.order_id))["refunds"][0]["refunded_at"] is not None
    # What is called off now gives back the rest.
    await shop.cancel(desk.order_id)
    await work(service, worker)
    assert sorted(peers.payments[desk.order_id].refunds.values()) == [1000, 2390]
    assert peers.money(desk.order_id) == "refunded"


async def test_whole_refund_and_a_cancellation_give_nothing_twice(
    desk: Desk, service: Service, worker: SagaWorker, shop: Shop, peers: Peers
) -> None:
    whole = {"amount": {"amount": 3390, "currency": "EUR"}, "reason": "Sorry."}
    assert (await desk.post("/refunds", whole)).status_code == 202
    await shop.cancel(desk.order_id)
    await work(service, worker)
    assert (await shop.read(desk.order_id))["status"] == "cancelled"
    assert list(peers.payments[desk.order_id].refunds.values()) == [3390]
    assert peers.stock["MUG"] == 1000


async def test_returns_after_a_refusal_are_worth_the_line_and_no_more(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_staff: dict[str, str], peers: Peers
) -> None:
    await client.put("/v1/coupons/TENTH", json={"percent": 10}, headers=as_staff)
    cart_id = await shop.cart(**{peers.sell("MUG", price=333): 3})
    await client.put(f"/v1/carts/{cart_id}/coupon", json={"code": "TENTH"}, headers=shop.headers)
    order = (await shop.order(cart_id)).json()
    desk = Desk(client, as_staff, order["id"])
    await work(service, worker)
    await desk.ship(3)
    [total] = [line["total"]["amount"] for line in order["lines"]]
    assert total % 3
    first, second = [(await desk.send_back(1)).json()["id"] for _ in range(2)]
    await desk.post(f"/returns/{first}/refusal")
    others = [(await desk.send_back(1)).json()["id"] for _ in range(2)]
    accepted = [await desk.post(f"/returns/{each}/acceptance", {}) for each in (second, *others)]
    assert sum(each.json()["amount"]["amount"] for each in accepted) == total
    await work(service, worker)
    assert sum(peers.payments[order["id"]].refunds.values()) == total


@pytest.mark.parametrize("restock", [True, False])
async def test_return_is_worth_no_more_than_is_left(
    desk: Desk, service: Service, worker: SagaWorker, shop: Shop, peers: Peers, *, restock: bool
) -> None:
    await desk.ship(3)
    announced = [(await desk.send_back(each)).json()["id"] for each in (2, 1)]
    goodwill = {"amount": {"amount": 1500, "currency": "EUR"}, "reason": "Late."}
    assert (await desk.post("/refunds", goodwill)).status_code == 202
    for each, amount in zip(announced, (1890, 0), strict=True):
        accepted = await desk.post(f"/returns/{each}/acceptance", {"restock": restock})
        assert (accepted.status_code, accepted.json()["amount"]["amount"]) == (202, amount)
    await work(service, worker)
    assert {each["state"] for each in (await shop.read(desk.order_id))["returns"]} == {"refunded"}
    assert sum(peers.payments[desk.order_id].refunds.values()) == 3390
    assert peers.stock["MUG"] == (1000 if restock else 997)


async def test_fulfilment_is_staffs(desk: Desk, shop: Shop, as_bob: dict[str, str]) -> None:
    assert (await desk.ship(3, **shop.headers)).status_code == 403
    assert (await desk.ship(3)).status_code == 201
    assert (await desk.send_back(1, **as_bob)).status_code == 404
    asked = (await desk.send_back(1, **shop.headers)).json()["id"]
    amount = {"amount": {"amount": 1, "currency": "EUR"}, "reason": "Mine."}
    for path, body in (
        (f"/returns/{asked}/acceptance", {}), (f"/returns/{asked}/refusal", None), ("/refunds", amount),
    ):  # fmt: skip
        assert (await desk.post(path, body, **shop.headers)).status_code == 403


@given(st.integers(0, 10**12), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_returns_of_all_pieces_are_worth_the_line(total: int, parts: list[int]) -> None:
    back, paid = 0, Money(total, "EUR")
    amounts = []
    for part in parts:
        amounts.append(share(paid, sum(parts), before=back, now=part))
        back += part
    assert Money.total(amounts, "EUR") == paid
    assert min(amounts) >= Money.zero("EUR")


async def test_open_are_the_orders_that_somebody_waits_for(
    client: AsyncClient,
    service: Service,
    worker: SagaWorker,
    as_staff: dict[str, str],
    shop: Shop,
    placed: Placed,
) -> None:
    await placed("tok_decline")
    cancelled, delivered, shipped, confirmed = [await placed() for _ in range(4)]
    await work(service, worker)
    await shop.cancel(cancelled)
    await work(service, worker)
    for order_id in (shipped, delivered):
        desk = Desk(client, as_staff, order_id)
        shipment = (await desk.ship(3)).json()["id"]
        if order_id == delivered:
            await desk.post(f"/shipments/{shipment}/delivery", key="")
    listed = await client.get("/v1/orders?open=true", headers=shop.headers)
    assert [each["id"] for each in listed.json()["items"]] == [confirmed, shipped]
    everything = await client.get("/v1/orders?open=false", headers=shop.headers)
    assert len(everything.json()["items"]) == 5
