"""Buying, through every service: what is paid and taken from the shelf, and what leaves no trace of money or stock."""

import secrets
from functools import partial

import pytest
from httpx2 import Client

from tests.e2e.people import Person, eventually, patiently
from tests.e2e.shop import PIECES, Shelf, captures_of, fill_cart, order, order_of

TROUBLED = ("tok_hang", "tok_away", "tok_answer_twice", "tok_answer_late", "tok_webhook_first")


@pytest.mark.parametrize(("kind", "token"), [("card", "tok_approve"), ("paypal", "pp_approve")])
def test_bought_is_paid_and_taken_from_the_shelf(ada: Person, shelf: Shelf, kind: str, token: str) -> None:
    bought = order(ada, shelf, token, kind=kind)
    assert bought["status"] == "confirmed", bought
    assert shelf.stock() == (PIECES - 2, 0)
    paid = shelf.staff.send("GET", f"/v1/payments/{bought['id']}").json()
    assert (paid["state"], paid["captured"]) == ("captured", bought["total"])


def test_provider_in_trouble_is_asked_until_everything_is_paid_once(staff: Person, api: Client) -> None:
    """Slow, silent, away, answering twice, late, or after its webhook: all of them at once, for they mostly wait."""
    shelf = Shelf.filled(staff, pieces=len(TROUBLED))
    ids = [place(Person.registered(api), shelf, token) for token in TROUBLED]
    for order_id in ids:
        eventually(partial(confirmed, staff, order_id))
        paid = staff.send("GET", f"/v1/payments/{order_id}").json()
        total = staff.send("GET", f"/v1/orders/{order_id}").json()["total"]
        assert (paid["state"], paid["captured"]) == ("captured", total)
        assert captures_of(staff, order_id) == {order_id: 1}
    assert shelf.stock() == (0, 0)


def confirmed(staff: Person, order_id: str) -> bool:
    order = staff.send("GET", f"/v1/orders/{order_id}").json()
    assert order["status"] not in ("rejected", "cancelled"), order
    return bool(order["status"] == "confirmed")


def place(person: Person, shelf: Shelf, token: str) -> str:
    body = order_of(fill_cart(person, shelf), token)
    placed = person.send("POST", "/v1/orders", json=body, idempotency_key=secrets.token_hex(8))
    assert placed.status_code == 201, placed.text
    order_id: str = placed.json()["id"]
    return order_id


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
    body = order_of(fill_cart(ada, shelf))
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
        path = "/v1/reconciliation?limit=100"
        while path:
            answer = staff.send("GET", path)
            assert answer.status_code == 200, answer.text
            if answer.json()["differences"]:
                return False
            path = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
        return True

    eventually(settled)
