"""Buying, through every service: what is paid and taken from the shelf, and what leaves no trace of money or stock."""

import secrets

import pytest
from httpx2 import Client

from tests.e2e.people import Person, eventually, patiently
from tests.e2e.shop import ADDRESS, PIECES, Shelf, order


@pytest.mark.parametrize(("kind", "token"), [("card", "tok_approve"), ("paypal", "pp_approve")])
def test_bought_is_paid_and_taken_from_the_shelf(ada: Person, shelf: Shelf, kind: str, token: str) -> None:
    bought = order(ada, shelf, token, kind=kind)
    assert bought["status"] == "confirmed", bought
    assert shelf.stock() == (PIECES - 2, 0)
    paid = shelf.staff.send("GET", f"/v1/payments/{bought['id']}").json()
    assert (paid["state"], paid["captured"]) == ("captured", bought["total"])


def test_declined_leaves_neither_money_nor_stock(ada: Person, shelf: Shelf) -> None:
    declined = order(ada, shelf, "tok_decline")
    assert declined["status"] == "rejected", declined
    assert shelf.stock() == (PIECES, 0)
    assert shelf.staff.send("GET", f"/v1/payments/{declined['id']}").json()["state"] in ("declined", "voided")


def test_capture_that_is_refused_leaves_neither_money_nor_stock(ada: Person, shelf: Shelf) -> None:
    refused = order(ada, shelf, "tok_capture_refused")
    assert refused["status"] == "rejected", refused
    assert shelf.stock() == (PIECES, 0)


def test_more_than_there_is_cannot_be_bought(ada: Person, shelf: Shelf) -> None:
    refused = order(ada, shelf, "tok_approve", quantity=PIECES + 1)
    assert refused["status"] == "rejected", refused
    assert shelf.stock() == (PIECES, 0)


def test_one_key_makes_one_order(ada: Person, shelf: Shelf) -> None:
    cart = ada.send("POST", "/v1/carts", json={}).json()
    ada.send("PUT", f"/v1/carts/{cart['id']}/lines/{shelf.sku}", json={"quantity": 1})
    body = {"cart_id": cart["id"], "shipping_address": ADDRESS, "payment": {"kind": "card", "token": "tok_approve"}}
    key = secrets.token_hex(8)
    first, second = (ada.send("POST", "/v1/orders", json=body, idempotency_key=key, prefer="wait=5") for _ in "12")
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotency-replayed"] == "true"
    eventually(lambda: shelf.stock() == (PIECES - 1, 0))


def test_cancelled_before_it_is_shipped_gives_everything_back(ada: Person, shelf: Shelf) -> None:
    bought = order(ada, shelf, "tok_approve")
    asked = ada.send(
        "POST", f"/v1/orders/{bought['id']}/cancellation", json={"reason": "changed my mind"}, idempotency_key="cancel"
    )
    assert asked.status_code in (200, 202), asked.text
    path = f"/v1/orders/{bought['id']}"
    eventually(lambda: ada.send("GET", path).json()["status"] == "cancelled")
    assert shelf.stock() == (PIECES, 0)
    paid = shelf.staff.send("GET", f"/v1/payments/{bought['id']}").json()
    assert paid["refunded"] == paid["captured"] == bought["total"]


def test_books_agree(staff: Person, api: Client) -> None:
    assert patiently(api, "GET", "/v1/reconciliation").status_code == 401

    def settled() -> bool:
        answer = staff.send("GET", "/v1/reconciliation")
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["differences"] == [])

    eventually(settled)
