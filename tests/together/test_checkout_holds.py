"""Whatever happens to a shop, in any order: no money and no stock is lost, made up, or held by what came to nothing.

Hypothesis chooses what happens next. After each step every database is read, the provider's too. `SHOP_EXAMPLES=500`
tries more of it.
"""

import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chassis.embedded import EmbeddedNats
from chassis.manifest import service_dir
from chassis.settings import BrokerSettings
from chassis.testing import Databases, TokenIssuer
from tests.together.books import NOTHING, PAID, Books
from tests.together.shop import SERVICES, Shop, opened

Result = TypeVar("Result")

EXAMPLES = int(os.environ.get("SHOP_EXAMPLES", "8"))
MOST_ORDERS = 4
ROUNDS = 60
TOKENS = (
    "tok_approve",
    "pp_approve",
    "tok_approve",
    "tok_decline",
    "tok_capture_refused",
    "tok_answer_late",
    "tok_answer_twice",
    "tok_away",
)

orders = st.integers(0, MOST_ORDERS - 1)


class Machine(RuleBasedStateMachine):
    """A shop with two things to sell, and few orders, so that much happens to each."""

    def __init__(self, shop: Shop, portal: BlockingPortal) -> None:
        super().__init__()
        self.shop = shop
        self.portal = portal
        self.wanted: dict[str, tuple[str, int]] = {}
        self.ids: list[str] = []
        self.received: Counter[str] = Counter()
        self.skus: list[str] = []
        self.seen: dict[str, str] = {}

    def do(self, call: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
        result: Result = self.portal.call(call, *arguments)
        return result

    @initialize(number=st.uuids(version=4), pieces=st.integers(1, 6), token=st.sampled_from(TOKENS))
    def open(self, number: Any, pieces: int, token: str) -> None:
        self.do(self.shop.begin_anew)
        self.skus = [f"{name}-{number.hex.upper()}" for name in ("MUG", "BOOK")]
        for sku in self.skus:
            self.receive(self.skus.index(sku), pieces)
        self.place(0, 1, token)

    # People.

    @rule(which=st.integers(0, 1), pieces=st.integers(1, 3))
    def receive(self, which: int, pieces: int) -> None:
        self.do(self.shop.receive, self.skus[which], pieces)
        self.received[self.skus[which]] += pieces

    @precondition(lambda self: len(self.ids) < MOST_ORDERS)
    @rule(which=st.integers(0, 1), quantity=st.integers(1, 3), token=st.sampled_from(TOKENS))
    def place(self, which: int, quantity: int, token: str) -> None:
        order = self.do(self.shop.place, self.skus[which], quantity, token)
        self.ids.append(order["id"])
        self.wanted[order["id"]] = (self.skus[which], quantity)

    @rule(order=orders)
    def cancel(self, order: int) -> None:
        self.ask(order, "/cancellation", {})

    @precondition(lambda self: len(self.ids) < MOST_ORDERS)
    @rule(steps=st.integers(0, 6), token=st.sampled_from(TOKENS))
    def cancel_on_the_way(self, steps: int, token: str) -> None:
        """Between any two steps of a checkout that nothing else disturbs."""
        self.shop.wires.moods.clear()
        self.receive(0, 1)
        self.place(0, 1, token)
        self.do(self.shop.work, steps)
        self.cancel(len(self.ids) - 1)

    @rule(order=orders)
    def abandon(self, order: int) -> None:
        if order < len(self.ids):
            [[saga_id]] = self.do(
                self._rows, "SELECT id FROM sagas WHERE order_id = :id ORDER BY id LIMIT 1", self.ids[order]
            )
            self.do(self.shop.staff, f"/v1/sagas/{saga_id}/abandonment", {"reason": "it takes too long"})

    @rule(order=orders, pieces=st.integers(1, 3))
    def ship(self, order: int, pieces: int) -> None:
        self.ask(order, "/shipments", {"carrier": "DHL", "tracking_number": "1", "lines": self.lines(order, pieces)})

    @rule(order=orders, pieces=st.integers(1, 3), restock=st.booleans())
    def take_back(self, order: int, pieces: int, *, restock: bool) -> None:
        asked = self.ask(order, "/returns", {"lines": self.lines(order, pieces), "reason": "it is too large"})
        if asked is not None and asked.status_code == 201:
            self.ask(order, f"/returns/{asked.json()['id']}/acceptance", {"restock": restock})

    @rule(order=orders, amount=st.integers(1, 2500))
    def refund(self, order: int, amount: int) -> None:
        self.ask(order, "/refunds", {"amount": {"amount": amount, "currency": "EUR"}, "reason": "it has a scratch"})

    # What happens by itself.

    @rule(steps=st.integers(1, 8))
    def work(self, steps: int) -> None:
        self.do(self.shop.work, steps)

    @rule(steps=st.integers(4, 12))
    def work_a_lot(self, steps: int) -> None:
        self.pass_time(35)
        self.do(self.shop.payments_resolve)
        self.do(self.shop.work, steps)

    @rule()
    def worker_calls(self) -> None:
        """It does not come to storing what came of it."""
        self.do(self.shop.begin)
        self.do(self.shop.call)

    @rule()
    def slow_worker_comes_back(self) -> None:
        self.do(self.shop.settle)

    @rule()
    def workers_die(self) -> None:
        self.shop.begun.clear()
        self.shop.answered.clear()

    @rule(seconds=st.sampled_from([1, 5, 35, 35, 290, 610, 910]))
    def pass_time(self, seconds: int) -> None:
        self.do(self.shop.let_pass, seconds)

    @rule()
    def reservations_expire(self) -> None:
        self.do(self.shop.expiry)

    @rule()
    def payments_resolve(self) -> None:
        self.do(self.shop.payments_resolve)

    @rule()
    def webhooks_come(self) -> None:
        self.do(self.shop.deliveries.turn)

    @rule(
        host=st.sampled_from(["inventory", "payments", "sandbox", "sandbox", "hooks"]),
        mood=st.sampled_from(["well", "well", "away", "unseen", "lost", "late"]),
    )
    def wire_feels(self, host: str, mood: Any) -> None:
        self.shop.wires.moods[host] = mood

    @rule()
    def late_ones_arrive(self) -> None:
        self.do(self.shop.wires.bring_late_ones)

    # What holds.

    @invariant()
    def everything_holds(self) -> None:
        books = self.do(Books.read, self.shop, self.ids, self.skus)
        assert list(books.broken(self.wanted, self.received)) == []
        for order_id, order in books.orders.items():
            before, now = self.seen.get(order_id, "placed"), order.status
            assert before not in NOTHING or now == before
            assert before not in PAID or now in PAID or now == "cancelled"
            self.seen[order_id] = now

    def teardown(self) -> None:
        """Let everybody be well again: then everything comes to its end, and the books agree to the last cent."""
        if not self.ids:
            return
        self.shop.wires.moods.clear()
        self.late_ones_arrive()
        self.workers_die()
        for _ in range(ROUNDS):
            self.pass_time(61)
            self.reservations_expire()
            self.payments_resolve()
            self.webhooks_come()
            self.do(self.shop.work, 40)
            if not self.do(self.shop.rows, "orders", "SELECT 1 FROM sagas WHERE finished_at IS NULL"):
                break
        self.everything_holds()
        assert set(self.seen.values()) <= PAID | NOTHING
        assert self.do(self.shop.rows, "payments", "SELECT 1 FROM steps WHERE due_at IS NOT NULL") == []
        books = self.do(Books.read, self.shop, self.ids, self.skus)
        for order_id in self.ids:
            self.given_back_is_what_was_promised(self.do(self.shop.read, order_id), books)

    def given_back_is_what_was_promised(self, order: dict[str, Any], books: Books) -> None:
        payment, there = books.payments.get(order["id"]), books.provider[order["id"]]
        returns = [each["amount"]["amount"] for each in order["returns"] if each["state"] == "refunded"]
        promised = sum(returns) + sum(each["amount"]["amount"] for each in order["refunds"])
        if order["status"] == "cancelled" and there.takes:
            promised = order["total"]["amount"]
        assert there.returned == promised
        assert (payment.refunded if payment else 0) == promised

    def ask(self, order: int, path: str, body: Any) -> Any:
        return self.do(self.shop.staff, f"/v1/orders/{self.ids[order]}{path}", body) if order < len(self.ids) else None

    def lines(self, order: int, pieces: int) -> list[dict[str, Any]]:
        return [{"sku": self.wanted[self.ids[order]][0], "quantity": pieces}] if order < len(self.ids) else []

    async def _rows(self, statement: str, order_id: str) -> list[Any]:
        return await self.shop.rows("orders", statement, id=order_id)


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    """Everything happens in one loop, in a thread of its own: the machine itself is not asynchronous."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def shop(
    portal: BlockingPortal,
    databases: Databases,
    tokens: TokenIssuer,
    nats: EmbeddedNats,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    made = {name: databases.create_migrated(name, service_dir(name)) for name in SERVICES}
    opening = opened(made, BrokerSettings(url=nats.url), tokens, monkeypatch)
    with portal.wrap_async_context_manager(opening) as shop:
        yield shop
    for each in made.values():
        databases.drop(each)


def test_nothing_is_lost_whatever_happens(shop: Shop, portal: BlockingPortal) -> None:
    run_state_machine_as_test(
        lambda: Machine(shop, portal),  # type: ignore[arg-type] # anything that makes a machine
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],  # Every database would be asked for minutes to make a failure a little smaller.
        ),
    )
