"""Coupons, as staff makes them and customers use them."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from chassis.app import Service
from chassis.ids import uuid7
from chassis.testing import TokenIssuer
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


async def test_coupon_that_several_make_at_once_is_made_once(client: AsyncClient, as_staff: dict[str, str]) -> None:
    answers = await asyncio.gather(*(put(client, as_staff, "RACE", percent=each) for each in range(1, 9)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 428: 7}


async def test_coupon_that_an_order_did_not_use_stays_in_the_cart(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_staff: dict[str, str], peers: Peers
) -> None:
    await put(client, as_staff, percent=10)
    cart_id = await shop.cart(**{peers.sell("A", price=1000): 1})
    await shop.order(cart_id)
    await redeem(shop, cart_id)
    await work(service, worker)
    cart = (await client.get(f"/v1/carts/{cart_id}", headers=shop.headers)).json()
    assert (cart["coupon"], cart["lines"]) == ("SPRING", [])


@pytest.mark.parametrize(
    "terms", [{}, {"percent": 0}, {"percent": 101}, {"percent": 5, "amount": EUR5}, {"percent": 5, "uses": 0}]
)
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


async def used(client: AsyncClient, headers: dict[str, str]) -> int:
    [coupon] = (await client.get("/v1/coupons", headers=headers)).json()["items"]
    count: int = coupon["used"]
    return count


async def test_coupon_is_good_for_so_many_orders_however_many_are_placed_at_once(
    client: AsyncClient, as_staff: dict[str, str], peers: Peers, tokens: TokenIssuer
) -> None:
    await put(client, as_staff, percent=10, uses=3)
    peers.sell("MUG")
    people = [Shop(client, tokens.headers(uuid7(), "orders:own")) for _ in range(12)]
    carts = [await person.cart(MUG=1) for person in people]
    for person, cart_id in zip(people, carts, strict=True):
        assert (await redeem(person, cart_id)).status_code == 200
    answers = await asyncio.gather(*(person.order(cart_id) for person, cart_id in zip(people, carts, strict=True)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 9}
    assert {answer.json().get("code") for answer in answers} == {None, "coupon-used-up"}
    assert await used(client, as_staff) == 3
    late = Shop(client, tokens.headers(uuid7(), "orders:own"))
    refused = await redeem(late, await late.cart(MUG=1))
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon-used-up")


@pytest.mark.parametrize(
    ("token", "ends", "left"), [("tok_approve", "confirmed", 1), ("tok_decline", "rejected", 0), ("", "cancelled", 0)]
)
async def test_use_is_given_back_by_an_order_that_came_to_nothing(
    client: AsyncClient,
    service: Service,
    worker: SagaWorker,
    shop: Shop,
    as_staff: dict[str, str],
    peers: Peers,
    token: str,
    ends: str,
    left: int,
) -> None:
    await put(client, as_staff, percent=10, uses=1)
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    await redeem(shop, cart_id)
    order_id = (await shop.order(cart_id, token or "tok_approve", key="once")).json()["id"]
    assert (await shop.order(cart_id, token or "tok_approve", key="once")).json()["id"] == order_id
    assert await used(client, as_staff) == 1
    if not token:
        await shop.cancel(order_id)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == ends
    assert await used(client, as_staff) == left


async def test_order_that_is_cancelled_after_it_was_paid_has_used_its_coupon(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_staff: dict[str, str], peers: Peers
) -> None:
    await put(client, as_staff, percent=10, uses=1)
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    await redeem(shop, cart_id)
    order_id = (await shop.order(cart_id)).json()["id"]
    await work(service, worker)
    await shop.cancel(order_id)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "cancelled"
    assert await used(client, as_staff) == 1


async def test_coupon_made_anew_does_not_get_the_uses_of_the_one_before(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_staff: dict[str, str], peers: Peers
) -> None:
    made = await put(client, as_staff, percent=10, uses=2)
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    await redeem(shop, cart_id)
    await shop.order(cart_id, "tok_decline")
    await put(client, {**as_staff, "if-match": made.headers["etag"]}, percent=20, uses=2)
    assert await used(client, as_staff) == 1
    await client.delete("/v1/coupons/SPRING", headers=as_staff)
    await put(client, as_staff, percent=10, uses=2)
    await shop.order(cart_id, "tok_approve")
    await work(service, worker)
    assert await used(client, as_staff) == 1
