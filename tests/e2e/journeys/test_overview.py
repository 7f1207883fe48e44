"""What somebody sees first: profile, open orders and cart in one answer."""

from httpx2 import Client

from tests.e2e.people import Person, patiently
from tests.e2e.shop import Shelf, order

PATH = "/v1/me/overview"


def test_overview_is_profile_open_orders_and_cart(ada: Person, shelf: Shelf) -> None:
    found = ada.send("GET", PATH)
    assert found.status_code == 200, found.text
    assert found.json()["profile"]["id"] == ada.me()["id"]
    assert (found.json()["orders"], found.json()["cart"], found.json()["missing"]) == ([], None, [])
    bought, declined = order(ada, shelf, "tok_approve"), order(ada, shelf, "tok_decline", quantity=1)
    seen = ada.send("GET", PATH).json()
    assert [(each["id"], each["total"]) for each in seen["orders"]] == [(bought["id"], bought["total"])]
    assert declined["status"] == "rejected"
    assert seen["cart"]["lines"] == [{"sku": shelf.sku, "quantity": 1}]


def test_overview_of_staff_is_their_own(ada: Person, staff: Person, shelf: Shelf) -> None:
    bought = order(ada, shelf, "tok_approve")
    seen = staff.send("GET", PATH)
    assert seen.status_code == 200, seen.text
    assert bought["id"] not in [each["id"] for each in seen.json()["orders"]]


def test_overview_is_nobodys_without_a_token(api: Client) -> None:
    refused = patiently(api, "GET", PATH)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
