"""Comparing the books: what orders say, what payments and its provider hold, and what inventory has, at one instant.

An order whose saga ran at that instant is left out: it is between two states, and that is nobody's mistake.

It goes through the orders page by page, and asks every book for what it has between a page's first and last order. So a
page costs the same among a million orders as among a hundred, and what belongs to no order is found all the same; only
where orders has lost many that the books know, a page holds all of those.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from chassis.spans import Span
from orders.domain.orders import OrderStatus
from orders.domain.ports import OrderDirectory, OrderFilter, SagaDirectory
from orders.domain.returns import ReturnState
from orders.domain.shipments import count
from orders.domain.views import OrderView

MARGIN = timedelta(seconds=5)
"""How far clocks may differ, and how long a transaction may take: what ran within this of the instant is left out."""


@dataclass(frozen=True, slots=True)
class Account:
    """An order's money in somebody's books, in minor units; ``held`` if an authorisation is open."""

    captured_minor: int = 0
    refunded_minor: int = 0
    held: bool = False

    def __str__(self) -> str:
        opened = ", and an open authorisation" if self.held else ""
        return f"captured {self.captured_minor}, refunded {self.refunded_minor}{opened}"


@dataclass(frozen=True, slots=True)
class Goods:
    """An order's stock: pieces taken and not brought back, by SKU; ``held`` if a reservation is open."""

    taken: Mapping[str, int] = field(default_factory=dict)
    held: bool = False

    def __str__(self) -> str:
        pieces = ", ".join(f"{quantity} of {sku}" for sku, quantity in sorted(self.taken.items())) or "nothing"
        return f"taken {pieces}{', and an open reservation' if self.held else ''}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a book (``ledger``, ``provider``, ``stock``) does not say what the order says."""

    order_id: UUID
    book: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was compared, and every difference. ``left_out`` counts the orders whose sagas ran.

    ``span`` is what was gone through; without a first order that is all.
    """

    as_of: datetime
    span: Span[UUID]
    orders: int
    left_out: int
    differences: list[Difference]


class Books(Protocol):
    """What the others have written down about some orders, as it stood at an instant.

    Raises:
        UnavailableError: From everything: whoever keeps the book is away.
        InvalidError: From everything: the book does not go back so far.
    """

    def ledger(self, orders: Span[UUID], as_of: datetime) -> AsyncIterator[tuple[UUID, Account]]:
        """Return the money of each order, as payments has it."""
        ...

    def provider(self, orders: Span[UUID], as_of: datetime) -> AsyncIterator[tuple[UUID, Account]]:
        """Return what each of the provider's operations adds to the money of its order."""
        ...

    def stock(self, orders: Span[UUID], as_of: datetime) -> AsyncIterator[tuple[UUID, Goods]]:
        """Return the stock of each order, as inventory has it."""
        ...


class Reconciler:
    """Compares everything; asks the peers, so it is for outside of any unit of work."""

    def __init__(self, orders: OrderDirectory, sagas: SagaDirectory, books: Books) -> None:
        self._orders = orders
        self._sagas = sagas
        self._books = books

    async def compare(self, as_of: datetime, *, before: UUID | None, limit: int) -> Reconciliation:
        """Return every difference as of ``as_of``, which is at least ``MARGIN`` ago, in a page of orders.

        Args:
            as_of: The instant.
            before: The first order of the page before this one, which has newer ones; None for the newest orders.
            limit: How many orders at most.
        """
        after = None if before is None else (before,)
        rows = await self._orders.find_by(OrderFilter(placed_before=as_of), after=after, limit=limit)
        span = Span(rows[limit - 1].id if len(rows) > limit else None, before)
        entries = {order.id: expected(order, as_of) for order in rows[:limit]}
        money = {order_id: account for order_id, (account, _) in entries.items()}
        goods = {order_id: held for order_id, (_, held) in entries.items()}
        busy = await self._sagas.busy_at(as_of, span, margin=MARGIN)
        ledger = {order_id: account async for order_id, account in self._books.ledger(span, as_of)}
        stock = {order_id: held async for order_id, held in self._books.stock(span, as_of)}
        provider = await self._provider(span, as_of)
        # A peer of a release that knows no spans returns everything.
        known = {each for each in (*money, *ledger, *stock, *provider) if span.covers(each)} - busy
        differences = []
        for order_id in sorted(known):
            account = money.get(order_id, Account())
            pairs: tuple[tuple[str, Account | Goods, Account | Goods], ...] = (
                ("ledger", account, ledger.get(order_id, Account())),
                ("provider", account, provider.get(order_id, Account())),
                ("stock", goods.get(order_id, Goods()), stock.get(order_id, Goods())),
            )
            differences += [
                Difference(order_id, book, str(expected), str(found))
                for book, expected, found in pairs
                if expected != found
            ]
        return Reconciliation(as_of, span, len(known), len(busy), differences)

    async def _provider(self, span: Span[UUID], as_of: datetime) -> dict[UUID, Account]:
        """Add the provider's operations up: an authorisation is open until it is captured or given up."""
        found: dict[UUID, Account] = {}
        async for order_id, added in self._books.provider(span, as_of):
            known = found.get(order_id, Account())
            found[order_id] = Account(
                known.captured_minor + added.captured_minor, known.refunded_minor + added.refunded_minor, added.held
            )
        return found


def expected(order: OrderView, at: datetime) -> tuple[Account, Goods]:
    """Return what an order says of money and stock at an instant, from its history."""
    reached = [change.status for change in order.history if change.at <= at]
    if OrderStatus.CONFIRMED not in reached:
        return Account(), Goods()
    total = order.quote.total.amount_minor
    if OrderStatus.CANCELLED in reached:
        return Account(total, total), Goods()
    back = [each for each in order.returns if each.state is ReturnState.REFUNDED and _by(each.refunded_at, at)]
    refunds = [each for each in order.refunds if _by(each.refunded_at, at)]
    given_back = [*(each.amount for each in back), *(each.amount for each in refunds)]
    refunded = sum(amount.amount_minor for amount in given_back)
    taken = Counter({line.sku: line.quantity for line in order.quote.lines})
    taken.subtract(count(*(each.lines for each in back if each.restock)))
    return Account(total, refunded), Goods(dict(+taken))


def _by(instant: datetime | None, at: datetime) -> bool:
    return instant is not None and instant <= at
