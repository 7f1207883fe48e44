"""Coupons, as staff makes them and customers use them."""

from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from chassis.app import Service
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

EUR5 = {"amount": 500, "currency": "EUR"}


async def put(client: AsyncClient, headers: dict[str, str], code: str = "SPRING", **terms: Any) -> Response:
    return await client.put(f"/v1/coupons/{code}", json=terms, headers=headers)


async def redeem(shop: Shop, cart_id: str, code: str = "spring") -> Response:
    return await shop.client.put(f"/v1/carts/{cart_id}/coupon", json={"code": code}, headers=shop.headers)


async def test_coupon_is_made_changed_and_removed(client: AsyncClient, as_staff: dict[str, str]) -> None:
    made = await put(client, as_staff, percent=10)
    assert (made.status_code, made.json()["percent"]) == (200, 10)
    assert (await put(client, as_staff, percent=20)).status_code == 428
    changed = await put(client, {**as_staff, "if-match": made.headers["etag"]}, amount=EUR5)
    assert (changed.json()["percent"], changed.json()["amount"]) == (None, EUR5)
    await put(client, as_staff, "AUTUMN", percent=5)
    first = await client.get("/v1/coupons?limit=1", headers=as_staff)
    assert [each["code"] for each in first.json()["items"]] == ["AUTUMN"]
    rest = await client.get(first.links["next"]["url"], headers=as_staff)
    assert [each["code"] for each in rest.json()["items"]] == ["SPRING"]
    for _ in range(2):
        assert (await client.delete("/v1/coupons/spring", headers=as_staff)).status_code == 204
    assert (await client.get("/v1/coupons/SPRING", headers=as_staff)).json()["code"] == "coupon-not-found"


@pytest.mark.parametrize("terms", [{}, {"percent": 0}, {"percent": 101}, {"percent": 5, "amount": EUR5}])
async def test_terms_that_make_no_sense_are_refused(
    client: AsyncClient, as_staff: dict[str, str], terms: dict[str, Any]
) -> None:
    assert (await put(client, as_staff, **terms)).status_code == 422


async def test_coupons_are_staffs(client: AsyncClient, as_ada: dict[str, str]) -> None:
    assert (await put(client, as_ada, percent=10)).status_code == 403
    assert (await client.get("/v1/coupons", headers=as_ada)).status_code == 403


@pytest.mark.parametrize(
    ("terms", "totals"),
    [({"percent": 10}, [900, 1800]), ({"amount": EUR5}, [833, 1667]), ({"amount": {**EUR5, "amount": 9999}}, [0, 0])],
)
async def test_coupon_is_spread_over_the_lines_and_used_once(
    client: AsyncClient,
    service: Service,
    worker: SagaWorker,
    shop: Shop,
    as_staff: dict[str, str],
    peers: Peers,
    terms: dict[str, Any],
    totals: list[int],
) -> None:
    await put(client, as_staff, **terms)
    cart_id = await shop.cart(**{peers.sell("A", price=1000): 1, peers.sell("B", price=2000): 1})
    assert (await redeem(shop, cart_id)).json()["coupon"] == "SPRING"
    order = (await shop.order(cart_id)).json()
    assert [line["total"]["amount"] for line in order["lines"]] == totals
    assert {each["rule"] for line in order["lines"] for each in line["adjustments"]} == {"coupon"}
    await work(service, worker)
    cart = (await client.get(f"/v1/carts/{cart_id}", headers=shop.headers)).json()
    assert (cart["coupon"], cart["lines"]) == (None, [])


@pytest.mark.parametrize(
    ("terms", "when"),
    [
        ({"valid_from": "2999-01-01T00:00:00Z"}, "at the cart"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "at the cart"),
        ({"minimum": {"amount": 1001, "currency": "EUR"}}, "at the till"),
        ({"minimum": {"amount": 1, "currency": "USD"}}, "at the till"),
    ],
)
async def test_coupon_that_is_not_good_for_this_is_refused(
    client: AsyncClient, shop: Shop, as_staff: dict[str, str], peers: Peers, terms: dict[str, Any], when: str
) -> None:
    await put(client, as_staff, percent=10, **terms)
    cart_id = await shop.cart(**{peers.sell("MUG", price=1000): 1})
    answer = await redeem(shop, cart_id)
    if when == "at the till":
        assert answer.status_code == 200
        answer = await shop.order(cart_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "coupon-not-valid")
    await client.delete(f"/v1/carts/{cart_id}/coupon", headers=shop.headers)
    assert (await shop.order(cart_id)).status_code == 201


async def test_coupon_that_was_removed_meanwhile_is_refused(
    client: AsyncClient, shop: Shop, as_staff: dict[str, str], peers: Peers
) -> None:
    await put(client, as_staff, percent=10)
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    assert (await redeem(shop, cart_id, "GHOST")).status_code == 404
    await redeem(shop, cart_id)
    await client.delete("/v1/coupons/SPRING", headers=as_staff)
    assert (await shop.order(cart_id)).json()["code"] == "coupon-not-found"
