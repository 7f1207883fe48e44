"""Orders, as customers and staff meet them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.testing import eventually, running
from orders.settings import Settings
from services.orders.tests.conftest import HOME, Configure, Shop
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]


@pytest.fixture
def working(configure: Configure, made: Callable[[Settings], Service]) -> Service:
    """The service with its workers."""
    return made(configure(background=True))


async def confirmed(shop: Shop, order_id: str) -> bool:
    return bool((await shop.read(order_id))["status"] == "confirmed")


@pytest.mark.parametrize(("token", "status"), [("tok_approve", "confirmed"), ("tok_decline", "rejected")])
async def test_answer_waits_for_the_end_if_asked_to(
    working: Service, as_ada: dict[str, str], peers: Peers, token: str, status: str
) -> None:
    async with running(working) as client:
        shop = Shop(client, as_ada)
        answer = await shop.order(await shop.cart(**{peers.sell("MUG"): 1}), token, prefer="respond-async, wait=5")
    assert (answer.status_code, answer.json()["status"]) == (201, status)
    assert answer.headers["preference-applied"] == "wait=5"


async def test_answer_waits_no_longer_than_asked(working: Service, as_ada: dict[str, str], peers: Peers) -> None:
    peers.down.add("inventory")
    async with running(working) as client:
        shop = Shop(client, as_ada)
        cart_id = await shop.cart(**{peers.sell("MUG"): 1})
        answer = await shop.order(cart_id, prefer="wait=1")
        assert (answer.status_code, answer.json()["status"]) == (201, "placed")
        peers.down.clear()
        await eventually(lambda: confirmed(shop, answer.json()["id"]))


async def test_answer_comes_at_once_otherwise(shop: Shop, peers: Peers) -> None:
    answer = await shop.order(await shop.cart(**{peers.sell("MUG"): 1}))
    assert (answer.status_code, answer.json()["status"]) == (201, "placed")
    assert answer.headers["location"] == f"/v1/orders/{answer.json()['id']}"
    assert "preference-applied" not in answer.headers


async def test_price_is_catalogs_and_every_line_says_why(shop: Shop, peers: Peers) -> None:
    peers.sell("MUG", price=1999)
    peers.sell("BOOK", price=1000, tax_class="reduced")
    order = (await shop.order(await shop.cart(MUG=1, BOOK=10))).json()
    book, mug = order["lines"]
    assert (mug["total"], mug["adjustments"]) == ({"amount": 1999, "currency": "EUR"}, [])
    assert (book["list_price"]["amount"], book["total"]["amount"]) == (10_000, 9_500)
    [adjustment] = book["adjustments"]
    assert (adjustment["rule"], adjustment["reason"]) == ("quantity", "5 % off from 10 pieces")
    assert (book["tax_rate"], book["tax"]["amount"], mug["tax"]["amount"]) == ("0.07", 621, 319)
    assert order["shipping"]["reason"] == "free for orders of this size"
    assert (order["items"]["amount"], order["discount"]["amount"], order["total"]["amount"]) == (11_999, -500, 11_499)


async def test_premium_customer_pays_less(shop: Shop, peers: Peers, ada: UUID) -> None:
    address_id, method_id = str(uuid4()), str(uuid4())
    saved = {"id": method_id, "kind": "paypal", "token": "pp_saved"}
    address = {"line2": None, "region": None, "phone": None, **HOME, "id": address_id}
    peers.customers[str(ada)] = {
        "id": str(ada), "tier": "premium", "email": None, "addresses": [address], "payment_methods": [saved],
    }  # fmt: skip
    cart_id = await shop.cart(**{peers.sell("MUG", price=1000): 1})
    changes: dict[str, Any] = {"shipping_address": None, "address_id": address_id}
    answer = await shop.order(cart_id, **changes, payment=None, payment_method_id=method_id)
    order = answer.json()
    assert (order["total"]["amount"], order["shipping"]["reason"]) == (950, "free for premium customers")
    assert (order["shipping_address"]["city"], order["payment_kind"]) == ("Berlin", "paypal")
    assert "pp_saved" not in answer.text


async def test_digits_all_over_a_token_make_no_card_number(shop: Shop, peers: Peers) -> None:
    token = "tok_4a1b1c1d1e1f1g1h1i1j1k1l1m1n1o1"
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    answer = await shop.order(cart_id=cart_id, payment={"kind": "card", "token": token})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"shipping_address": None, "address_id": str(uuid4())}, 422, "shipping-address-unknown"),
        ({"payment": None, "payment_method_id": str(uuid4())}, 422, "payment-method-unknown"),
        ({"cart_id": str(uuid4())}, 404, "cart-not-found"),
        ({"shipping_address": None}, 422, "invalid"),
        ({"address_id": str(uuid4())}, 422, "invalid"),
        ({"payment": {"kind": "card", "token": "4111111111111111"}}, 422, "invalid"),
        ({"payment": {"kind": "card", "token": "4111-1111-1111-1111"}}, 422, "invalid"),
        ({"payment": {"kind": "cash", "token": "x"}}, 422, "invalid"),
        ({"total": {"amount": 1, "currency": "EUR"}}, 422, "invalid"),
    ],
)
async def test_order_that_makes_no_sense_is_refused(
    shop: Shop, peers: Peers, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await shop.order(**{"cart_id": await shop.cart(**{peers.sell("MUG"): 1}), **changes})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "4111" not in answer.text


async def test_what_catalog_does_not_sell_cannot_be_ordered(shop: Shop, peers: Peers) -> None:
    peers.sell("YEN", price=10)
    peers.products["YEN"]["price"]["currency"] = "JPY"
    answer = await shop.order(await shop.cart(**{peers.sell("MUG"): 1, "GHOST": 1, "YEN": 1}))
    assert (answer.status_code, answer.json()["code"]) == (409, "products-unavailable")
    missing = [{"sku": "GHOST", "reason": "unknown"}, {"sku": "YEN", "reason": "no-price"}]
    assert answer.json()["missing"] == missing


async def test_empty_cart_is_no_order(shop: Shop) -> None:
    answer = await shop.order(await shop.cart())
    assert (answer.status_code, answer.json()["code"]) == (409, "cart-empty")


async def test_others_cart_cannot_be_ordered(client: AsyncClient, shop: Shop, as_bob: dict[str, str]) -> None:
    answer = await Shop(client, as_bob).order(await shop.cart(MUG=1))
    assert (answer.status_code, answer.json()["code"]) == (404, "cart-not-found")


@pytest.mark.parametrize("peer", ["catalog", "customers"])
async def test_peer_that_prices_are_from_is_needed(shop: Shop, peers: Peers, peer: str) -> None:
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    peers.down.add(peer)
    key = uuid4().hex
    refused = await shop.order(cart_id, key=key)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    peers.down.clear()
    assert (await shop.order(cart_id, key=key)).status_code == 201


async def test_repeated_order_is_one_order_even_when_its_peers_are_away(shop: Shop, peers: Peers) -> None:
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})
    first = await shop.order(cart_id, key="the-same")
    peers.down |= {"catalog", "customers"}
    again = await shop.order(cart_id, key="the-same")
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    other = await shop.order(cart_id, key="the-same", shipping_method="express")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_orders_placed_at_once_with_one_key_are_one_order(shop: Shop, peers: Peers) -> None:
    cart_id = await shop.cart(**{peers.sell("MUG"): 1})

    ids = set()

    async def insist() -> bool:
        answer = await shop.order(cart_id, key="at-once")
        assert answer.status_code in (201, 409), answer.json()
        if answer.status_code == 201:
            ids.add(answer.json()["id"])
        return answer.status_code == 201

    await asyncio.gather(*(eventually(insist) for _ in range(10)))
    assert len(ids) == 1
    listed = await shop.client.get("/v1/orders", headers=shop.headers)
    assert len(listed.json()["items"]) == 1


async def test_order_needs_a_key(client: AsyncClient, as_ada: dict[str, str], shop: Shop, peers: Peers) -> None:
    body = {"cart_id": await shop.cart(**{peers.sell("MUG"): 1}), "shipping_address": HOME}
    body["payment"] = {"kind": "card", "token": "tok_approve"}
    refused = await client.post("/v1/orders", json=body, headers=as_ada)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency-key-required")
    allowed = await client.post("/v1/orders", json=body, headers={**as_ada, "idempotency-key": "k"})
    assert allowed.status_code == 201


async def test_order_is_its_owners_and_staffs(
    client: AsyncClient, as_bob: dict[str, str], as_staff: dict[str, str], placed: Placed, shop: Shop
) -> None:
    path = f"/v1/orders/{await placed()}"
    for headers, status in ((shop.headers, 200), (as_staff, 200), (as_bob, 404), ({}, 401)):
        assert (await client.get(path, headers=headers)).status_code == status
    for headers, status in ((as_bob, 404), ({}, 401), (as_staff, 202)):
        key = {"idempotency-key": uuid4().hex}
        answer = await client.post(f"{path}/cancellation", json={}, headers={**headers, **key})
        assert answer.status_code == status


async def test_list_is_ones_own_and_staffs_is_everybodys(
    client: AsyncClient, as_bob: dict[str, str], as_staff: dict[str, str], placed: Placed, shop: Shop, ada: UUID
) -> None:
    ids = [await placed() for _ in range(3)]
    first = await client.get("/v1/orders?limit=2", headers=shop.headers)
    second = await client.get(first.links["next"]["url"], headers=shop.headers)
    assert [each["id"] for page in (first, second) for each in page.json()["items"]] == ids[::-1]
    assert second.json()["next_cursor"] is None
    for query, headers, count in (
        ("", as_bob, 0),
        (f"?customer_id={ada}", as_bob, 0),
        ("", as_staff, 3),
        (f"?customer_id={ada}&status=placed", as_staff, 3),
        (f"?customer_id={uuid4()}", as_staff, 0),
        ("?status=confirmed", shop.headers, 0),
        ("?placed_from=2099-01-01T00:00:00Z", shop.headers, 0),
        ("?placed_before=2099-01-01T00:00:00Z", shop.headers, 3),
    ):
        listed = await client.get(f"/v1/orders{query}", headers=headers)
        assert len(listed.json()["items"]) == count, query


async def test_known_order_is_not_sent_again(client: AsyncClient, placed: Placed, shop: Shop) -> None:
    path = f"/v1/orders/{await placed()}"
    seen = await client.get(path, headers=shop.headers)
    again = await client.get(path, headers={**shop.headers, "if-none-match": seen.headers["etag"]})
    assert again.status_code == 304
