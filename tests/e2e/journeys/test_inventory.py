"""What everybody may know of the stock, and what nobody but staff and services may."""

from uuid import uuid4

import pytest
from httpx2 import Client

from tests.e2e.people import Person, patiently


def test_everybody_may_ask_what_can_be_ordered(api: Client) -> None:
    sku = f"JOURNEY-{uuid4().hex.upper()}"
    answer = patiently(api, "GET", "/v1/availability", params={"sku": sku})
    assert answer.status_code == 200
    assert answer.json() == {"items": [{"sku": sku, "available": 0, "more": False}]}


def test_availability_is_asked_of_something(api: Client) -> None:
    refused = patiently(api, "GET", "/v1/availability")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("path", ["/v1/stock", "/v1/stock-adjustments", "/v1/warehouses", "/v1/reservations/{order}"])
def test_stock_itself_is_for_staff(api: Client, ada: Person, path: str) -> None:
    path = path.format(order=uuid4())
    assert patiently(api, "GET", path).status_code == 401
    refused = ada.send("GET", path)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")


def test_customers_cannot_adjust_stock(ada: Person) -> None:
    body = {"sku": "A", "quantity": 1, "reason": "found"}
    refused = ada.send("POST", "/v1/stock-adjustments", json=body, idempotency_key=str(uuid4()))
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")


@pytest.mark.parametrize("step", ["", "/pin", "/commitment", "/release"])
def test_nobody_outside_reserves(ada: Person, step: str) -> None:
    refused = ada.send("PUT", f"/v1/reservations/{uuid4()}{step}", json={"lines": [{"sku": "A", "quantity": 1}]})
    assert refused.status_code in {404, 405}
