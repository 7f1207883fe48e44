"""What always holds of orders, money and stock, read from every service's own database, the provider's included."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.inventory.tests.integration.conftest import WHAT_ALWAYS_HOLDS
from services.payments.tests.integration.test_invariants import BOOKS
from tests.together.shop import Shop

PAID = frozenset({"confirmed", "partly-shipped", "shipped", "delivered"})
NOTHING = frozenset({"rejected", "cancelled"})
BEFORE_CAPTURE = frozenset({"placed", "reserved", "authorised"})

_ORDERS = "SELECT id, status, total_minor AS total FROM orders WHERE id = ANY(:ids)"
_TOLD = """
    SELECT subject FROM outbox GROUP BY subject, sequence HAVING count(*) > 1
    UNION SELECT subject FROM outbox
    WHERE split_part(type, '.', 3) IN ('order-confirmed', 'order-rejected', 'order-cancelled')
    GROUP BY subject, type HAVING count(*) > 1
"""
_PAYMENTS = """
    SELECT order_id AS id, state, held_minor AS held, captured_minor AS captured, refunded_minor AS refunded,
        (SELECT count(*) FROM journal_entries AS e WHERE e.order_id = p.order_id AND booking = 'captured') AS takes
    FROM payments AS p WHERE order_id = ANY(:ids)
"""
_OPERATIONS = """
    SELECT authorisation, kind, outcome, amount_minor AS amount FROM operations WHERE authorisation = ANY(:names)
"""
_RESERVATIONS = """
    SELECT order_id AS id, state, coalesce(sum(quantity), 0) AS quantity, coalesce(sum(returned), 0) AS returned,
        (SELECT coalesce(sum(a.quantity), 0) FROM adjustments AS a WHERE a.order_id = r.order_id) AS moved
    FROM reservations AS r LEFT JOIN reservation_lines USING (order_id) WHERE order_id = ANY(:ids) GROUP BY order_id
"""
_ON_HAND = "SELECT sku, sum(on_hand) AS on_hand FROM stock WHERE sku = ANY(:skus) GROUP BY sku"


@dataclass
class Money:
    """What the provider's own books say of an order."""

    held: bool = False
    takes: list[int] = field(default_factory=list)
    returned: int = 0


@dataclass
class Books:
    """Everything about some orders, as it is now."""

    orders: Mapping[str, Any]
    payments: Mapping[str, Any]
    provider: Mapping[str, Money]
    reservations: Mapping[str, Any]
    on_hand: Mapping[str, int]
    unsound: list[str]

    @classmethod
    async def read(cls, shop: Shop, ids: list[str], skus: list[str]) -> "Books":
        """Read them; nobody changes anything meanwhile."""
        operations = await shop.rows("sandbox", _OPERATIONS, names=[f"{each}-authorise" for each in ids])
        return cls(
            {str(row.id): row for row in await shop.rows("orders", _ORDERS, ids=ids)},
            {str(row.id): row for row in await shop.rows("payments", _PAYMENTS, ids=ids)},
            {each: _money(each, operations) for each in ids},
            {str(row.id): row for row in await shop.rows("inventory", _RESERVATIONS, ids=ids)},
            {row.sku: int(row.on_hand) for row in await shop.rows("inventory", _ON_HAND, skus=skus)},
            [each async for each in _unsound(shop)],
        )

    def broken(self, wanted: Mapping[str, tuple[str, int]], received: Mapping[str, int]) -> Iterator[str]:
        """Yield what does not hold.

        Args:
            wanted: The SKU and the quantity of each order.
            received: How many pieces of each SKU were ever put on the shelf.
        """
        yield from self.unsound
        left = Counter(received)
        for order_id, (sku, quantity) in wanted.items():
            order, payment = self.orders[order_id], self.payments.get(order_id)
            for wrong in (*self._of_money(order, payment), *self._of_stock(order, quantity)):
                yield f"{order_id}, which is {order.status}: {wrong}"
            if (reservation := self.reservations.get(order_id)) and reservation.state == "committed":
                left[sku] -= quantity - int(reservation.returned)
        for sku, expected in left.items():
            if self.on_hand.get(sku, 0) != expected:
                yield f"{sku}: {self.on_hand.get(sku, 0)} on hand, where {expected} should be"

    def _of_money(self, order: Any, payment: Any) -> Iterator[str]:
        there = self.provider[str(order.id)]
        ours = (payment.captured, payment.takes) if payment else (0, 0)
        if len(there.takes) > 1 or sum(there.takes) not in (0, order.total):
            yield f"the provider took {there.takes} of {order.total}"
        if order.status in PAID and (ours != (order.total, 1) or there.takes != [order.total]):
            yield f"captured {ours} here and {there.takes} there, of {order.total}"
        if order.status in BEFORE_CAPTURE | {"rejected"} and (ours[0] or there.takes):
            yield f"captured {ours} here and {there.takes} there"
        if order.status in NOTHING:
            if payment and (payment.held or payment.captured != payment.refunded):
                yield f"we hold money: {payment}"
            if there.held or sum(there.takes) != there.returned:
                yield f"the provider holds money: {there}"

    def _of_stock(self, order: Any, quantity: int) -> Iterator[str]:
        found = self.reservations.get(str(order.id))
        if found is None:
            if order.status in PAID:
                yield "it has no reservation"
            return
        taken = quantity - int(found.returned) if found.state == "committed" else 0
        if int(found.moved) != -taken:
            yield f"{found.moved} pieces moved, where {taken} are taken"
        if order.status in PAID and (found.state != "committed" or int(found.quantity) != quantity):
            yield f"its stock is {found.state}, {found.quantity} of {quantity}"
        if order.status in NOTHING and (found.state in ("held", "pinned") or taken):
            yield f"its stock is {found.state}, {found.returned} of {found.quantity} returned"


def _money(order_id: str, operations: list[Any]) -> Money:
    mine = [each for each in operations if each.authorisation == f"{order_id}-authorise" and each.outcome == "approved"]
    kinds = {each.kind for each in mine}
    takes = [each.amount for each in mine if each.kind == "capture"]
    returned = sum(each.amount for each in mine if each.kind == "refund")
    return Money("authorisation" in kinds and not kinds & {"void", "capture"}, takes, returned)


async def _unsound(shop: Shop) -> Any:
    for name, statement in BOOKS.items():
        [[count]] = await shop.rows("payments", statement)
        if count:
            yield f"not so: {name}"
    for row in await shop.rows("inventory", str(WHAT_ALWAYS_HOLDS)):
        yield f"stock and its ledger: {row}"
    for row in await shop.rows("orders", _TOLD):
        yield f"told twice: {row}"
