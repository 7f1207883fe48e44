"""Somebody whom a checkout needs is away: it says so at once, or it waits and goes on by itself."""

import secrets
import time

import pytest
from httpx2 import Response

from tests.e2e.people import Person, eventually
from tests.e2e.shop import Shelf, captures_of, fill_cart, order_of
from tests.e2e.system import LocalSystem

PIECES = 3
AWAY_SECONDS = 1.5


@pytest.fixture
def shelf(staff: Person) -> Shelf:
    return Shelf.filled(staff, pieces=PIECES)


def ask(person: Person, cart_id: str, key: str, *, prefer: str = "respond-async") -> Response:
    return person.send("POST", "/v1/orders", json=order_of(cart_id), idempotency_key=key, prefer=prefer)


def status(person: Person, order_id: str) -> str:
    found: str = person.send("GET", f"/v1/orders/{order_id}").json()["status"]
    return found


@pytest.mark.parametrize("peer", ["catalog", "customers"])
def test_nobody_can_be_told_a_price_while_a_peer_is_away_that_it_follows_from(
    system: LocalSystem, ada: Person, staff: Person, shelf: Shelf, peer: str
) -> None:
    cart_id, key = fill_cart(ada, shelf), secrets.token_hex(8)
    with system.without(peer):
        refused = ask(ada, cart_id, key)
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert peer in refused.json()["detail"]
        assert refused.elapsed.total_seconds() < 10
        assert ada.send("GET", "/v1/orders").json()["items"] == []

    # What was asked under the same key is done once somebody can.
    placed = eventually(lambda: answer if (answer := ask(ada, cart_id, key)).status_code == 201 else None)
    eventually(lambda: status(ada, placed.json()["id"]) == "confirmed")
    assert shelf.stock() == (PIECES - 1, 0)
    assert captures_of(staff, placed.json()["id"]).total() == 1


@pytest.mark.parametrize(
    ("peer", "waits_as"), [("inventory", "placed"), ("payments", "reserved"), ("sandbox", "reserved")]
)
def test_order_waits_for_whoever_is_away_and_goes_on_by_itself(
    system: LocalSystem, ada: Person, staff: Person, shelf: Shelf, peer: str, waits_as: str
) -> None:
    cart_id = fill_cart(ada, shelf)
    with system.without(peer):
        placed = ask(ada, cart_id, secrets.token_hex(8))
        assert placed.status_code == 201, placed.text
        order_id = placed.json()["id"]
        eventually(lambda: status(ada, order_id) == waits_as)
        time.sleep(AWAY_SECONDS)
        assert status(ada, order_id) == waits_as
        [saga] = staff.send("GET", f"/v1/sagas?order_id={order_id}").json()["items"]
        assert saga["finished_at"] is None
        assert saga["error"]
    eventually(lambda: status(ada, order_id) == "confirmed")
    assert shelf.stock() == (PIECES - 1, 0)
    assert captures_of(staff, order_id) == {order_id: 1}


def test_checkout_works_without_the_broker_and_what_it_tells_waits(
    system: LocalSystem, ada: Person, shelf: Shelf
) -> None:
    def told() -> float:
        return system.metric("orders", "tradewind_outbox_published_total")

    cart_id = fill_cart(ada, shelf)
    with system.without("nats"):
        before = told()
        bought = ask(ada, cart_id, secrets.token_hex(8), prefer="wait=5")
        order_id = bought.json()["id"]
        eventually(lambda: status(ada, order_id) == "confirmed")
        eventually(lambda: system.metric("orders", "tradewind_outbox_unsent") >= 2)
        assert told() == before
    # Placed and confirmed.
    eventually(lambda: told() >= before + 2)
    eventually(lambda: system.metric("orders", "tradewind_outbox_unsent") == 0)
