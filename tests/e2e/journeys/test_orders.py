"""What people do with carts and orders before anything is bought; buying needs something on sale."""

import secrets
from typing import Any

from httpx2 import Client

from tests.e2e.people import Person, patiently


def sku() -> str:
    return f"JOURNEY-{secrets.token_hex(6).upper()}"


def anonymous_cart(api: Client, **quantities: int) -> dict[str, Any]:
    opened = patiently(api, "POST", "/v1/carts", json={})
    assert opened.status_code == 201, opened.text
    cart: dict[str, Any] = opened.json()
    for each, quantity in quantities.items():
        path = f"/v1/carts/{cart['id']}/lines/{each}"
        put = patiently(api, "PUT", path, json={"quantity": quantity}, headers={"x-cart-secret": cart["secret"]})
        assert put.status_code == 200, put.text
    return cart


def test_cart_of_a_stranger_opens_with_its_secret_only(api: Client, ada: Person) -> None:
    cart = anonymous_cart(api, **{sku(): 2})
    path = f"/v1/carts/{cart['id']}"
    assert api.get(path, headers={"x-cart-secret": cart["secret"]}).json()["lines"][0]["quantity"] == 2
    assert api.get(path).status_code == 404
    assert ada.send("GET", path).status_code == 404


def test_cart_is_taken_along_at_sign_in(api: Client, ada: Person) -> None:
    thing = sku()
    cart = anonymous_cart(api, **{thing: 2})
    merge = {"merge": {"cart_id": cart["id"], "secret": cart["secret"]}}
    for _ in range(2):
        taken = ada.send("POST", "/v1/carts", json=merge)
        assert taken.status_code == 201, taken.text
        assert {"sku": thing, "quantity": 2} in taken.json()["lines"]
    assert api.get(f"/v1/carts/{cart['id']}", headers={"x-cart-secret": cart["secret"]}).status_code == 404


def test_what_nobody_sells_cannot_be_ordered(ada: Person) -> None:
    thing = sku()
    cart_id = ada.send("POST", "/v1/carts", json={}).json()["id"]
    ada.send("PUT", f"/v1/carts/{cart_id}/lines/{thing}", json={"quantity": 1})
    body = {
        "cart_id": cart_id,
        "shipping_address": {"recipient": "Ada", "line1": "1 Road", "city": "Berlin", "country": "DE"},
        "payment": {"kind": "card", "token": "tok_approve"},
    }
    assert ada.send("POST", "/v1/orders", json=body).json()["code"] == "idempotency-key-required"
    refused = ada.send("POST", "/v1/orders", json=body, idempotency_key=secrets.token_hex(8))
    assert (refused.status_code, refused.json()["code"]) == (409, "products-unavailable")
    assert ada.send("GET", "/v1/orders").json()["items"] == []


def test_sagas_are_for_staff(ada: Person) -> None:
    assert ada.send("GET", "/v1/sagas").status_code == 403
    assert ada.send("GET", "/v1/reconciliation").status_code == 403
