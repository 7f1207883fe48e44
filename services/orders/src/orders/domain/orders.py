"""The order: what was bought at which price, what has become of it, and who did that."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from orders.domain.addresses import ShippingAddress
from orders.domain.events import OrderCancelled, OrderConfirmed, OrderEvent, OrderPlaced, OrderRejected
from orders.domain.pricing import Quote

SYSTEM = "system"
"""Who does what no person asked for at that moment."""


class OrderNotFoundError(NotFoundError):
    """There is no such order; somebody else's counts as none."""

    code = "order-not-found"
    title = "No such order"


class OrderNotCancellableError(ConflictError):
    """It has left the warehouse, or has come to its end already."""

    code = "order-not-cancellable"
    title = "The order cannot be cancelled any more"


class OrderStatus(StrEnum):
    """How far an order has come."""

    PLACED = "placed"
    RESERVED = "reserved"
    AUTHORISED = "authorised"
    PINNED = "pinned"
    CAPTURED = "captured"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


FINAL = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED})
RUNNING = frozenset(
    {OrderStatus.PLACED, OrderStatus.RESERVED, OrderStatus.AUTHORISED, OrderStatus.PINNED, OrderStatus.CAPTURED}
)
"""The checkout is under way."""
CANCELLABLE = RUNNING | {OrderStatus.CONFIRMED}


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of an order's history: who did it (``customer:<id>``, ``staff:<id>``, ``system``), and why."""

    status: OrderStatus
    at: datetime
    by: str
    reason: str | None = None


class Order:
    """An order. Its price and address never change; its status does, and every change is in ``history``.

    ``code`` and ``reason`` say why it was rejected or cancelled. ``cancel_requested_at`` is the flag that the checkout
    reads between its steps.
    """

    def __init__(
        self,
        order_id: UUID,
        *,
        customer_id: UUID,
        cart_id: UUID,
        quote: Quote,
        address: ShippingAddress,
        payment_kind: str,
        now: datetime,
    ) -> None:
        self.id = order_id
        self.version = 1
        self.customer_id = customer_id
        self.cart_id = cart_id
        self.status = OrderStatus.PLACED
        self.quote = quote
        self.currency = quote.total.currency
        self.total_minor = quote.total.amount_minor
        self.address = address
        self.payment_kind = payment_kind
        self.code: str | None = None
        self.reason: str | None = None
        self.cancel_requested_at: datetime | None = None
        self.cancel_requested_by: str | None = None
        self.placed_at = now
        self.changed_at = now
        self.history: tuple[Change, ...] = (Change(OrderStatus.PLACED, now, f"customer:{customer_id}"),)
        self.events: list[OrderEvent] = [OrderPlaced(self, 1, now)]

    @property
    def lines(self) -> tuple[tuple[str, int], ...]:
        """How much of what."""
        return tuple((line.sku, line.quantity) for line in self.quote.lines)

    @property
    def is_running(self) -> bool:
        """Whether the checkout is under way."""
        return self.status in RUNNING

    def reach(self, status: OrderStatus, now: datetime) -> None:
        """Come one step further in the checkout."""
        self._become(status, now, SYSTEM)

    def confirm(self, now: datetime) -> None:
        """Be paid for, with the stock taken."""
        self._become(OrderStatus.CONFIRMED, now, SYSTEM)
        self.events.append(OrderConfirmed(self, self.version, now))

    def reject(self, code: str, reason: str, now: datetime) -> None:
        """Come to nothing."""
        self.code, self.reason = code, reason
        self._become(OrderStatus.REJECTED, now, SYSTEM, reason)
        self.events.append(OrderRejected(self, self.version, now, code))

    def request_cancellation(self, by: str, reason: str | None, now: datetime) -> bool:
        """Ask for the end of it; whoever works on it sees to that. False if somebody asked before.

        Raises:
            OrderNotCancellableError: It is too late.
        """
        if self.cancel_requested_at is not None:
            return False
        if self.status not in CANCELLABLE:
            raise OrderNotCancellableError(
                f"The order is {self.status}.", order_id=str(self.id), order_status=self.status
            )
        self.cancel_requested_at, self.cancel_requested_by = now, by
        self.reason = reason
        self._note(now)
        return True

    def cancel(self, now: datetime) -> None:
        """Be called off, with money and stock back where they were."""
        self.code = "cancelled"
        self._become(OrderStatus.CANCELLED, now, self.cancel_requested_by or SYSTEM, self.reason)
        self.events.append(OrderCancelled(self, self.version, now, self.reason or ""))

    def remark(self, by: str, reason: str, now: datetime) -> None:
        """Have something in the history that changes no status."""
        self._become(self.status, now, by, reason)

    def _become(self, status: OrderStatus, now: datetime, by: str, reason: str | None = None) -> None:
        self.status = status
        self.history = (*self.history, Change(status, now, by, reason))
        self._note(now)

    def _note(self, now: datetime) -> None:
        self.version += 1
        self.changed_at = now
