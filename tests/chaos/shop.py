"""A shop with goods, and people who buy there whatever happens to it."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from httpx2 import Client, HTTPError, Response

from tests.chaos.network import LATE
from tests.e2e.people import Person
from tests.e2e.shop import ADDRESS, Shelf

_PAUSE_SECONDS = 0.3
_LOOKS = 800
"""Of so many pauses patience consists: a machine that stands still for a while makes nobody impatient."""
_SIGNED_IN_SECONDS = 240
_WORKING = frozenset({401, 408, 409, 425, 429, 500, 502, 503, 504})
_BEHAVIOURS = (
    "approve",
    "decline",
    "hang",
    "answer_twice",
    "capture_refused",
    "answer_late",
    "webhook_first",
    "insufficient_funds",
    "away",
)
"""An odd number, so that cards and PayPal take turns with each."""
_CANCELLED = 0.2
_LATE_EVERY, _LATE_PAYMENT, _LATE_STOCK = 12, 2, 8
"""Of so many orders, which one's payment and which one's reservation arrives late."""


class LostError(Exception):
    """A request did not come through within any reasonable time."""


class ClosedError(Exception):
    """The shop has closed: the run was interrupted, or has taken too long."""


@dataclass
class Goods:
    """What is on sale, and how many pieces of each there were in the beginning.

    ``late`` is never reserved in time.
    """

    skus: list[str]
    late: str
    pieces: int


def open_shop(staff: Person, *, pieces: int, kinds: int = 4) -> Goods:
    """Put goods into the catalogue and onto the shelf."""
    skus = [f"CHAOS-{secrets.token_hex(5).upper()}" for _ in range(kinds + 1)]
    skus[-1] += f"-{LATE.upper()}"
    for sku in skus:
        Shelf.filled(staff, pieces=pieces, sku=sku)
    return Goods(skus[:-1], skus[-1], pieces)


@dataclass
class Till:
    """Counts the orders that are still to be made, and keeps those that were accepted: what paid for it, by id.

    ``keep_step`` tells whether it is time for an order, by its number.
    """

    wanted: int
    keep_step: Callable[[int], bool]
    accepted: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0

    def take(self) -> int | None:
        """Return the number of the next order; None when there are enough."""
        with self._lock:
            self._next += 1
            number = self._next
        while number <= self.wanted and not self.closed.is_set():
            if self.keep_step(number):
                return number
            self.closed.wait(_PAUSE_SECONDS)
        return None

    def accept(self, order_id: str, token: str) -> None:
        """Keep an order that the shop has accepted."""
        with self._lock:
            self.accepted[order_id] = token

    def lose(self, what: str) -> None:
        """Keep what nobody could do."""
        with self._lock:
            self.lost.append(what)


class Shopper:
    """Buys, one order after the other, and now and then calls one off. Every choice follows from the seed.

    Args:
        is_late: Tells whether a request about an order is on its way, and will arrive late.
    """

    def __init__(self, address: str, goods: Goods, till: Till, is_late: Callable[[str], bool], *, seed: str) -> None:
        self._api = Client(base_url=address, timeout=10)
        self._goods = goods
        self._till = till
        self._is_late = is_late
        self._random = Random(seed)
        self._person = Person.registered(self._api)
        self._signed_in_at = time.monotonic()

    def run(self) -> None:
        """Buy until there are enough orders."""
        try:
            while (number := self._till.take()) is not None:
                try:
                    self._buy(number)
                except LostError as error:
                    self._till.lose(f"order {number}: {error}")
        except ClosedError:
            return
        finally:
            self._api.close()

    def _buy(self, number: int) -> None:
        kind = "paypal" if number % 2 else "card"
        token = f"{'pp' if number % 2 else 'tok'}_{_BEHAVIOURS[number % len(_BEHAVIOURS)]}"
        late_payment, late_stock = number % _LATE_EVERY == _LATE_PAYMENT, number % _LATE_EVERY == _LATE_STOCK
        if late_payment:
            token = f"{token}-{LATE}"
        skus = [self._goods.late] if late_stock else self._some_skus()
        key = f"chaos-{number}"
        order_id = self._place(skus, {"kind": kind, "token": token}, key)
        self._till.accept(order_id, token)
        if late_payment or late_stock:
            self._wait_until_late(order_id)
        elif self._random.random() < _CANCELLED:
            self._till.closed.wait(self._random.choice((0, 0, 0.2, 0.5, 1)))
        else:
            return
        self._call_off(order_id, key)

    def _place(self, skus: list[str], payment: dict[str, str], key: str) -> str:
        """Order; once more if an earlier order, confirmed at this moment, took its goods out of the same cart."""
        while True:
            body = {"cart_id": self._filled_cart(skus), "shipping_address": ADDRESS, "payment": payment}
            answer = self._insist("POST", "/v1/orders", body, good={201, 409}, idempotency_key=key)
            if answer.status_code == 201:
                order_id: str = answer.json()["id"]
                return order_id
            if answer.json()["code"] not in ("cart-empty", "idempotency-in-progress"):
                raise LostError(answer.text)
            self._till.closed.wait(_PAUSE_SECONDS)

    def _some_skus(self) -> list[str]:
        return self._random.sample(self._goods.skus, self._random.randint(1, 2))

    def _filled_cart(self, skus: list[str]) -> str:
        cart: dict[str, Any] = self._insist("POST", "/v1/carts", {}, good={200, 201}).json()
        cart_id: str = cart["id"]
        for line in cart["lines"]:
            if line["sku"] not in skus:
                self._insist("DELETE", f"/v1/carts/{cart_id}/lines/{line['sku']}", None, good={200, 204, 404})
        for sku in skus:
            path = f"/v1/carts/{cart_id}/lines/{sku}"
            self._insist("PUT", path, {"quantity": self._random.randint(1, 2)}, good={200})
        return cart_id

    def _wait_until_late(self, order_id: str) -> None:
        """Wait until a request about the order is under way, unless the order ends before."""
        for _ in range(_LOOKS):
            if self._is_late(order_id):
                return
            order = self._insist("GET", f"/v1/orders/{order_id}", None, good={200}).json()
            if order["status"] in ("rejected", "cancelled", "confirmed"):
                return
            self._till.closed.wait(_PAUSE_SECONDS)

    def _call_off(self, order_id: str, key: str) -> None:
        reason = {"reason": "changed my mind"}
        path = f"/v1/orders/{order_id}/cancellation"
        for _ in range(_LOOKS):
            answer = self._insist("POST", path, reason, good={200, 202, 409}, idempotency_key=key)
            if answer.status_code != 409 or answer.json()["code"] == "order-not-cancellable":
                return
            self._till.closed.wait(_PAUSE_SECONDS)
        raise LostError(f"{order_id} could not be called off")

    def _insist(self, method: str, path: str, body: Any, *, good: set[int], **headers: str) -> Response:
        if time.monotonic() - self._signed_in_at > _SIGNED_IN_SECONDS:
            self._sign_in()
        return self._repeat(lambda: self._person.send(method, path, json=body, **headers), good=frozenset(good))

    def _sign_in(self) -> None:
        form = {"grant_type": "password", "username": self._person.email, "password": self._person.password}
        self._person.tokens = self._repeat(lambda: self._person.token(**form), good=frozenset({200})).json()
        self._signed_in_at = time.monotonic()

    def _repeat(self, send: Callable[[], Response], *, good: frozenset[int]) -> Response:
        """Send a request that may be repeated until there is an answer that says what became of it.

        Raises:
            LostError: None came, or it is a refusal that nobody reckons with.
            ClosedError: It is not wanted any more.
        """
        said = ""
        for _ in range(_LOOKS):
            try:
                answer = send()
            except HTTPError as error:
                said = repr(error)
            else:
                if answer.status_code in good:
                    return answer
                said = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code not in _WORKING:
                    raise LostError(said)
            if self._till.closed.wait(_PAUSE_SECONDS):
                raise ClosedError
        raise LostError(said)
