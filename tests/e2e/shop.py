"""A shop to buy in: something on sale that nobody else has, and how one orders it."""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.e2e.people import Person, eventually

PRICE = 2500
PIECES = 5
ADDRESS = {"recipient": "Ada", "line1": "1 Road", "city": "Berlin", "postal_code": "10115", "country": "DE"}


@dataclass
class Shelf:
    """Something on sale that nobody else has."""

    staff: Person
    sku: str

    @classmethod
    def filled(cls, staff: Person, *, pieces: int = PIECES, sku: str | None = None) -> "Shelf":
        """Publish a product, and take a delivery of it in."""
        sku = sku or f"BUY-{secrets.token_hex(6).upper()}"
        variant = {
            "sku": sku,
            "name": "one size",
            "weight_grams": 400,
            "prices": [{"price": {"amount": PRICE, "currency": "EUR"}}],
        }
        made = staff.send("POST", "/v1/products", json={"slug": sku.lower(), "name": sku, "variants": [variant]})
        assert made.status_code == 201, made.text
        published = staff.send("POST", f"/v1/products/{made.json()['id']}/publish", if_match='"1"')
        assert published.status_code == 200, published.text
        received = {"sku": sku, "quantity": pieces, "reason": "received"}
        adjusted = staff.send("POST", "/v1/stock-adjustments", json=received, idempotency_key=secrets.token_hex(8))
        assert adjusted.status_code == 201, adjusted.text
        return cls(staff, sku)

    def stock(self) -> tuple[int, int]:
        """Return what is on hand, and what of it is reserved."""
        answer = self.staff.send("GET", f"/v1/stock?sku={self.sku}")
        assert answer.status_code == 200, answer.text
        [found] = answer.json()["items"]
        return found["on_hand"], found["reserved"]


def order(person: Person, shelf: Shelf, token: str, *, quantity: int = 2, kind: str = "card") -> dict[str, Any]:
    """Put something into the cart and order it; returns the order as soon as its checkout has ended."""
    body = order_of(fill_cart(person, shelf, quantity), token, kind=kind)
    placed = person.send("POST", "/v1/orders", json=body, idempotency_key=secrets.token_hex(8), prefer="wait=5")
    assert placed.status_code == 201, placed.text

    def ended() -> dict[str, Any] | None:
        answer = person.send("GET", f"/v1/orders/{placed.json()['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found if found["status"] in ("confirmed", "rejected") else None

    return eventually(ended)


def fill_cart(person: Person, shelf: Shelf, quantity: int = 1) -> str:
    """Have exactly this in a person's cart; return its id."""
    made = person.send("POST", "/v1/carts", json={})
    assert made.status_code in (200, 201), made.text
    cart_id: str = made.json()["id"]
    put = person.send("PUT", f"/v1/carts/{cart_id}/lines/{shelf.sku}", json={"quantity": quantity})
    assert put.status_code == 200, put.text
    return cart_id


def order_of(cart_id: str, token: str = "tok_approve", *, kind: str = "card") -> dict[str, Any]:
    """Return what an order says."""
    return {"cart_id": cart_id, "shipping_address": ADDRESS, "payment": {"kind": kind, "token": token}}


def operations(staff: Person) -> Iterator[dict[str, Any]]:
    """Yield the payment provider's own books."""
    cursor = ""
    while True:
        answer = staff.send("GET", f"/v1/provider-operations?limit=100{cursor}")
        assert answer.status_code == 200, answer.text
        yield from answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return
        cursor = f"&cursor={answer.json()['next_cursor']}"


def captures_of(staff: Person, *order_ids: str) -> Counter[str]:
    """Return how often the provider has taken money for each of these orders."""
    wanted = {f"{order_id}-authorise": order_id for order_id in order_ids}
    return Counter(
        wanted[each["authorisation"]]
        for each in operations(staff)
        if each["kind"] == "capture" and each["state"] == "approved" and each["authorisation"] in wanted
    )
