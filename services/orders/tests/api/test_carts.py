"""Carts, as customers and strangers meet them."""

from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from services.orders.tests.conftest import Shop

pytestmark = pytest.mark.anyio


async def anonymous(client: AsyncClient, **quantities: int) -> tuple[str, dict[str, str]]:
    """Begin an anonymous cart; return its id and the header that opens it."""
    opened = await client.post("/v1/carts", json={})
    assert opened.status_code == 201
    cart_id, headers = opened.json()["id"], {"x-cart-secret": opened.json()["secret"]}
    for sku, quantity in quantities.items():
        await client.put(f"/v1/carts/{cart_id}/lines/{sku}", json={"quantity": quantity}, headers=headers)
    return cart_id, headers


async def test_customer_has_one_cart(client: AsyncClient, as_ada: dict[str, str]) -> None:
    assert (await client.get("/v1/carts", headers=as_ada)).json()["items"] == []
    first = await client.post("/v1/carts", json={"currency": "GBP"}, headers=as_ada)
    again = await client.post("/v1/carts", json={}, headers=as_ada)
    assert (first.status_code, again.json()) == (201, first.json())
    assert (first.json()["currency"], first.json()["secret"]) == ("GBP", None)
    [listed] = (await client.get("/v1/carts", headers=as_ada)).json()["items"]
    assert listed["id"] == first.json()["id"]
    assert first.headers["location"] == f"/v1/carts/{listed['id']}"


async def test_line_is_what_was_said_last(client: AsyncClient, as_ada: dict[str, str], shop: Shop) -> None:
    cart_id = await shop.cart(MUG=2, CUP=1)
    answer = await client.put(f"/v1/carts/{cart_id}/lines/MUG", json={"quantity": 5}, headers=as_ada)
    assert answer.json()["lines"] == [{"sku": "CUP", "quantity": 1}, {"sku": "MUG", "quantity": 5}]
    answer = await client.delete(f"/v1/carts/{cart_id}/lines/CUP", headers=as_ada)
    assert answer.json()["lines"] == [{"sku": "MUG", "quantity": 5}]
    assert (await client.delete(f"/v1/carts/{cart_id}/lines/CUP", headers=as_ada)).status_code == 200


async def test_known_cart_is_not_sent_again(client: AsyncClient, as_ada: dict[str, str], shop: Shop) -> None:
    cart_id = await shop.cart(MUG=2)
    seen = await client.get(f"/v1/carts/{cart_id}", headers=as_ada)
    again = await client.get(f"/v1/carts/{cart_id}", headers={**as_ada, "if-none-match": seen.headers["etag"]})
    assert again.status_code == 304


async def test_anonymous_cart_opens_with_its_secret_only(
    client: AsyncClient, as_ada: dict[str, str], as_staff: dict[str, str]
) -> None:
    cart_id, headers = await anonymous(client, MUG=1)
    _, others = await anonymous(client)
    assert (await client.get(f"/v1/carts/{cart_id}", headers=headers)).json()["lines"][0]["quantity"] == 1
    for wrong in ({}, others, as_ada, as_staff, {"x-cart-secret": "x" * 32}):
        for method, path, body in (
            ("GET", "", None),
            ("PUT", "/lines/MUG", {"quantity": 9}),
            ("DELETE", "/lines/MUG", None),
        ):
            refused = await client.request(method, f"/v1/carts/{cart_id}{path}", json=body, headers=wrong)
            assert (refused.status_code, refused.json()["code"]) == (404, "cart-not-found")


async def test_customers_cart_opens_for_its_owner_only(
    client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str], shop: Shop
) -> None:
    cart_id = await shop.cart(MUG=1)
    _, secret = await anonymous(client)
    assert (await client.get(f"/v1/carts/{cart_id}", headers=as_ada)).status_code == 200
    for wrong in ({}, as_bob, secret, {**as_bob, **secret}):
        assert (await client.get(f"/v1/carts/{cart_id}", headers=wrong)).status_code == 404


async def test_anonymous_cart_goes_into_the_customers_once(
    client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str], shop: Shop
) -> None:
    own = await shop.cart(MUG=2)
    cart_id, headers = await anonymous(client, MUG=3, CUP=1)
    merge = {"merge": {"cart_id": cart_id, "secret": headers["x-cart-secret"]}}
    for _ in range(2):
        answer = await client.post("/v1/carts", json=merge, headers=as_ada)
        assert (answer.status_code, answer.json()["id"]) == (201, own)
        assert answer.json()["lines"] == [{"sku": "CUP", "quantity": 1}, {"sku": "MUG", "quantity": 5}]
    assert (await client.get(f"/v1/carts/{cart_id}", headers=headers)).status_code == 404
    assert (await client.post("/v1/carts", json=merge, headers=as_bob)).status_code == 404


async def test_cart_is_not_taken_over_without_its_secret(client: AsyncClient, as_ada: dict[str, str]) -> None:
    cart_id, _ = await anonymous(client, MUG=3)
    wrong = {"merge": {"cart_id": cart_id, "secret": "x" * 32}}
    assert (await client.post("/v1/carts", json=wrong, headers=as_ada)).status_code == 404
    unknown = {"merge": {"cart_id": str(uuid4()), "secret": "x" * 32}}
    assert (await client.post("/v1/carts", json=unknown, headers=as_ada)).status_code == 404
    assert (await client.post("/v1/carts", json=wrong)).status_code == 401


async def test_cart_holds_a_hundred_products(client: AsyncClient, as_ada: dict[str, str], shop: Shop) -> None:
    cart_id = await shop.cart(**{f"T{number}": 1 for number in range(100)})
    refused = await client.put(f"/v1/carts/{cart_id}/lines/ONE-MORE", json={"quantity": 1}, headers=as_ada)
    assert (refused.status_code, refused.json()["code"]) == (409, "cart-full")
    more = await client.put(f"/v1/carts/{cart_id}/lines/T0", json={"quantity": 2}, headers=as_ada)
    assert more.status_code == 200


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 1.5, "2", None])
async def test_quantity_that_makes_no_sense_is_refused(
    client: AsyncClient, as_ada: dict[str, str], shop: Shop, quantity: object
) -> None:
    path = f"/v1/carts/{await shop.cart()}/lines/MUG"
    assert (await client.put(path, json={"quantity": quantity}, headers=as_ada)).status_code == 422
