"""Wishes, webhooks, workers and a provider that answers or not, in any order: no money is lost, made or held.

Hypothesis chooses what happens next; after each step the real database is asked whether the books still hold.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7
from chassis.money import Money
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from chassis.spans import Span
from chassis.testing import FakeClock
from payments import events
from payments.data.units import SqlUnits
from payments.domain.methods import Method, MethodKind
from payments.domain.payments import Request
from payments.domain.ports import ProviderOperation, ProviderSilentError
from payments.domain.processors import CreditCardProcessor, Processors
from payments.domain.services import PaymentService, Resolver
from payments.domain.steps import Outcome, Task, Verdict

Result = TypeVar("Result")
Perform = Callable[[], Coroutine[Any, Any, Result]]

BOOKS = {
    "every entry sums to zero": """
        SELECT count(*) FROM (
            SELECT FROM journal_lines GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0) AS broken
    """,
    "what is held is what payments hold": """
        SELECT coalesce((SELECT sum(amount_minor) FROM journal_lines WHERE account = 'held'), 0)
             - coalesce((SELECT sum(held_minor) FROM payments), 0)
    """,
    "the provider owes what was captured less what was refunded": """
        SELECT coalesce((SELECT sum(amount_minor) FROM journal_lines WHERE account = 'provider'), 0)
             - coalesce((SELECT sum(captured_minor - refunded_minor) FROM payments), 0)
    """,
    "a payment is captured once at most": """
        SELECT count(*) FROM (SELECT FROM journal_entries WHERE booking = 'captured'
                              GROUP BY order_id HAVING count(*) > 1) AS broken
    """,
    "what is voided or declined holds nothing": """
        SELECT count(*) FROM payments WHERE state IN ('voided', 'declined', 'capture-refused')
                                        AND (held_minor <> 0 OR captured_minor <> 0)
    """,
    "refunds are at most what was captured": """
        SELECT count(*) FROM payments WHERE captured_minor < (
            SELECT coalesce(sum(amount_minor), 0) FROM steps
            WHERE steps.order_id = payments.order_id AND kind = 'refund' AND state IN ('pending', 'done'))
    """,
    "the last change is what is": """
        SELECT count(*) FROM payments WHERE NOT EXISTS (
            SELECT FROM payment_changes AS c
            WHERE (c.order_id, c.version, c.state, c.held_minor, c.captured_minor, c.refunded_minor)
                = (payments.order_id, payments.version, payments.state, payments.held_minor,
                   payments.captured_minor, payments.refunded_minor))
    """,
    "events of a payment have numbers of their own": """
        SELECT count(*) FROM (SELECT FROM outbox GROUP BY subject, sequence HAVING count(*) > 1) AS broken
    """,
}
"""Each has to come to zero, always."""


ORDERS = st.sampled_from([0, 1, 2])


class MoodyProvider:
    """Does what it is asked once per reference, and says so or does not."""

    name = "moody"

    def __init__(self) -> None:
        self.done: dict[str, Outcome] = {}
        self.taken: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.mood = "well"

    async def authorise(self, reference: str, amount: Money, method: Method) -> Outcome:
        refused = "cancelled" if f"gone {reference}" in self.done else None
        refused = refused or ("declined" if method.token == "tok_decline" else None)
        return self._do(reference, refused, lambda: self.held.update({reference: amount.amount_minor}))

    async def capture(self, reference: str, authorisation: str, amount: Money) -> Outcome:
        def take() -> None:
            self.taken[authorisation] = self.taken.get(authorisation, 0) + amount.amount_minor
            self.held[authorisation] -= amount.amount_minor

        return self._do(reference, None if self.held.get(authorisation) else "not-authorised", take)

    async def void(self, reference: str, authorisation: str) -> Outcome:
        def let_go() -> None:
            self.held[authorisation] = 0
            self.done[f"gone {authorisation}"] = Outcome(Verdict.APPROVED)

        return self._do(reference, "not-now" if self.mood == "stubborn" else None, let_go)

    async def refund(self, reference: str, authorisation: str, amount: Money) -> Outcome:
        def give_back() -> None:
            self.taken[authorisation] -= amount.amount_minor

        return self._do(reference, None, give_back)

    async def find(self, reference: str) -> Outcome | None:
        if self.mood not in ("well", "stubborn"):
            raise ProviderSilentError
        return self.done.get(reference)

    async def list(
        self, orders: Span[UUID], *, as_of: datetime, cursor: str | None, limit: int
    ) -> tuple[list[ProviderOperation], str | None]:
        raise NotImplementedError

    def _do(self, reference: str, refused: str | None, effect: Callable[[], None]) -> Outcome:
        if self.mood == "away":
            raise ProviderSilentError
        if reference not in self.done:
            if refused is None:
                effect()
            verdict = Verdict.APPROVED if refused is None else Verdict.REFUSED
            self.done[reference] = Outcome(verdict, refused, "ref")
        if self.mood == "silent":
            raise ProviderSilentError
        return self.done[reference]


class Books(RuleBasedStateMachine):
    """What may happen to payments. The test gives it a database and a loop."""

    loop: asyncio.AbstractEventLoop
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.provider = MoodyProvider()
        clock: Clock = self.clock
        units = SqlUnits(self.database)
        processors = Processors([CreditCardProcessor(self.provider)])
        self.resolver = Resolver(units, clock, processors, lambda _task, _verdict: None)
        self.payments = PaymentService(units, clock, processors, self.resolver, self.provider)
        self.begun: list[UUID] = []
        self.slow: list[Task] = []

    def do(self, perform: Coroutine[Any, Any, Result]) -> Result | None:
        """Have it done; a refusal is as good as an outcome."""
        try:
            return self.loop.run_until_complete(perform)
        except (ConflictError, NotFoundError):
            return None

    @initialize(mood=st.sampled_from(["silent", "away"]), voided=st.booleans())
    def orders_begin(self, mood: str, *, voided: bool) -> None:
        """Have few orders, so that what happens meets what has happened: one paid, one pending, one unheard of."""
        self.begun = [uuid7(), uuid7(), uuid7()]
        self.authorise(0, "tok_approve")
        self.capture(0)
        self.provider.mood = mood
        self.authorise(1, "tok_approve")
        if voided:
            self.void(1)

    @rule(mood=st.sampled_from(["well", "well", "silent", "away", "stubborn"]))
    def provider_feels(self, mood: str) -> None:
        self.provider.mood = mood

    @rule(order=ORDERS, token=st.sampled_from(["tok_approve", "tok_approve", "tok_decline"]))
    def authorise(self, order: int, token: str) -> None:
        self.do(
            self.payments.authorise(
                self.begun[order], Request(Money(2000, "EUR"), Method(MethodKind.CARD, token), None)
            )
        )

    @rule(order=ORDERS)
    def capture(self, order: int) -> None:
        self.do(self.payments.capture(self.begun[order]))

    @rule(order=ORDERS)
    def void(self, order: int) -> None:
        self.do(self.payments.void(self.begun[order]))

    @rule(order=ORDERS, amount=st.integers(1, 2000), refund=st.integers(1, 3))
    def refund(self, order: int, amount: int, refund: int) -> None:
        self.do(self.payments.refund(self.begun[order], UUID(int=refund), Money(amount, "EUR")))

    @rule(seconds=st.sampled_from([1, 11, 120]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def worker_claims_and_dies(self) -> None:
        self.slow += self.do(self.resolver.turn(3)) or []

    @rule()
    def slow_worker_comes_back(self) -> None:
        while self.slow:
            self.do(self.resolver.resolve(self.slow.pop()))

    @rule()
    def worker_resolves(self) -> None:
        for task in self.do(self.resolver.turn(10)) or []:
            self.do(self.resolver.resolve(task))

    @rule(data=st.data(), times=st.integers(1, 2))
    def webhook_comes(self, data: st.DataObject, times: int) -> None:
        known = [each for each in self.provider.done if not each.startswith("gone ")]
        if known:
            reference = data.draw(st.sampled_from(known))
            for _ in range(times):
                self.do(self.resolver.hear(reference, self.provider.done[reference]))

    @invariant()
    def books_hold(self) -> None:
        assert self.loop.run_until_complete(self._broken()) == {}

    def teardown(self) -> None:
        """Let everybody be well again: then nothing is pending, and the provider's books say what ours say."""
        self.provider.mood = "well"
        for _ in range(20):
            self.clock.advance(seconds=120)
            self.worker_resolves()
        self.books_hold()
        for order, held, captured, refunded, pending in self.loop.run_until_complete(self._ours()):
            assert not pending
            assert self.provider.held.get(f"{order}-authorise", 0) == held
            assert self.provider.taken.get(f"{order}-authorise", 0) == captured - refunded

    async def _broken(self) -> dict[str, int]:
        async with self.database.read() as connection:
            found = {name: int((await connection.execute(text(sql))).scalar_one()) for name, sql in BOOKS.items()}
        return {name: count for name, count in found.items() if count}

    async def _ours(self) -> list[Any]:
        statement = text(
            "SELECT order_id, held_minor, captured_minor, refunded_minor,"
            " EXISTS (SELECT FROM steps WHERE steps.order_id = payments.order_id AND state = 'pending')"
            " FROM payments WHERE order_id = ANY(:orders)"
        )
        async with self.database.read() as connection:
            return list(await connection.execute(statement, {"orders": self.begun}))


def test_books_hold_whatever_happens(database_settings: DatabaseSettings) -> None:
    loop = asyncio.new_event_loop()
    writer = Writer(service="payments", publish=events.publish)
    database = Database(database_settings, service="payments", before_commit=[writer])

    class OnThisDatabase(Books):
        pass

    OnThisDatabase.loop, OnThisDatabase.database = loop, database
    few = settings(
        max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    try:
        run_state_machine_as_test(OnThisDatabase, settings=few)
    finally:
        loop.run_until_complete(database.engine.dispose())
        loop.close()
