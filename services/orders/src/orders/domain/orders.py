"""The order: what was bought at which price, what has become of it, and who did that."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7
from chassis.money import Money
from orders.domain.addresses import ShippingAddress
from orders.domain.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderEvent,
    OrderPlaced,
    OrderRefunded,
    OrderRejected,
    OrderShipped,
)
from orders.domain.pricing import Quote
from orders.domain.returns import (
    MOST_RETURNS,
    Refund,
    RefundTooLargeError,
    Return,
    ReturnDecidedError,
    ReturnNotFoundError,
    ReturnState,
    ReturnTooLargeError,
    share,
)
from orders.domain.shipments import (
    MOST_SHIPMENTS,
    OrderNotShippableError,
    Pieces,
    Shipment,
    ShipmentNotFoundError,
    count,
)

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
    PARTLY_SHIPPED = "partly-shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


FINAL = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED})
CLOSED = FINAL | {OrderStatus.DELIVERED}
"""Nobody waits for anything any more."""
RUNNING = frozenset(
    {OrderStatus.PLACED, OrderStatus.RESERVED, OrderStatus.AUTHORISED, OrderStatus.PINNED, OrderStatus.CAPTURED}
)
"""The checkout is under way."""
CANCELLABLE = RUNNING | {OrderStatus.CONFIRMED}
SHIPPABLE = frozenset({OrderStatus.CONFIRMED, OrderStatus.PARTLY_SHIPPED})
_TAKEN_BACK = frozenset({ReturnState.ACCEPTED, ReturnState.REFUNDED})
PAID = frozenset({OrderStatus.CONFIRMED, OrderStatus.PARTLY_SHIPPED, OrderStatus.SHIPPED, OrderStatus.DELIVERED})
"""Captured and committed, and not undone."""


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
        coupon: str | None = None,
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
        self.coupon = coupon
        self.code: str | None = None
        self.reason: str | None = None
        self.cancel_requested_at: datetime | None = None
        self.cancel_requested_by: str | None = None
        self.placed_at = now
        self.changed_at = now
        self.history: tuple[Change, ...] = (Change(OrderStatus.PLACED, now, f"customer:{customer_id}"),)
        self.shipments: tuple[Shipment, ...] = ()
        self.returns: tuple[Return, ...] = ()
        self.refunds: tuple[Refund, ...] = ()
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

    def ship(self, carrier: str, tracking_number: str, lines: Pieces, by: str, now: datetime) -> Shipment:
        """Send pieces off, perhaps not all.

        Raises:
            OrderNotShippableError: There is nothing to ship, or not so much.
        """
        if self.status not in SHIPPABLE or self.cancel_requested_at is not None:
            raise OrderNotShippableError(f"The order is {self.status}.", order_id=str(self.id))
        left = count(self.lines)
        left.subtract(count(*(each.lines for each in self.shipments)))
        wanted = count(lines)
        if len(self.shipments) >= MOST_SHIPMENTS or any(wanted[sku] > left[sku] for sku in wanted):
            raise OrderNotShippableError("More would be shipped than is left to ship.", left=dict(+left))
        shipment = Shipment(uuid7(), carrier, tracking_number, tuple(sorted(wanted.items())), now)
        self.shipments = (*self.shipments, shipment)
        whole = wanted == +left
        status = OrderStatus.SHIPPED if whole else OrderStatus.PARTLY_SHIPPED
        self._become(status, now, by, f"{carrier} {tracking_number}")
        self.events.append(OrderShipped(self, self.version, now, shipment, complete=whole))
        return shipment

    def deliver(self, shipment_id: UUID, by: str, now: datetime) -> Shipment:
        """Note that a shipment has arrived; noted again, it stays as it is.

        Raises:
            ShipmentNotFoundError: There is none.
        """
        shipment = next((each for each in self.shipments if each.id == shipment_id), None)
        if shipment is None:
            raise ShipmentNotFoundError(shipment_id=str(shipment_id))
        if shipment.delivered_at is not None:
            return shipment
        arrived = replace(shipment, delivered_at=now)
        self.shipments = tuple(arrived if each.id == shipment_id else each for each in self.shipments)
        if self.status is OrderStatus.SHIPPED and all(each.delivered_at for each in self.shipments):
            self._become(OrderStatus.DELIVERED, now, by)
            self.events.append(OrderDelivered(self, self.version, now))
        else:
            self._note(now)
        return arrived

    @property
    def refunded(self) -> Money:
        """What has gone back or is on its way."""
        back = [each.amount for each in self.returns if each.state in _TAKEN_BACK]
        return Money.total([*back, *(each.amount for each in self.refunds)], self.currency)

    def request_return(self, lines: Pieces, reason: str, now: datetime) -> Return:
        """Announce that pieces come back.

        Raises:
            ReturnTooLargeError: They were not shipped, or have come back already.
        """
        wanted = count(lines)
        back = count(*(each.lines for each in self.returns if each.state is not ReturnState.DECLINED))
        left = count(*(each.lines for each in self.shipments))
        left.subtract(back)
        if len(self.returns) >= MOST_RETURNS or any(wanted[sku] > left[sku] for sku in wanted):
            raise ReturnTooLargeError("More would come back than was shipped.", left=dict(+left))
        pieces = tuple(sorted(wanted.items()))
        announced = Return(uuid7(), pieces, self._worth(pieces, back), reason, ReturnState.REQUESTED, now)
        self.returns = (*self.returns, announced)
        self._note(now)
        return announced

    def find_return(self, return_id: UUID) -> Return:
        """Return one of the order's returns.

        Raises:
            ReturnNotFoundError: There is none.
        """
        for each in self.returns:
            if each.id == return_id:
                return each
        raise ReturnNotFoundError(return_id=str(return_id))

    def decide_return(self, return_id: UUID, *, accept: bool, restock: bool, by: str, now: datetime) -> Return:
        """Take pieces back, and have their money go back; or not.

        What they are worth is said for good here: a return that was declined is worth nothing to those after it, and no
        more goes back than is left of what was paid.

        Raises:
            ReturnNotFoundError: There is none.
            ReturnDecidedError: It was decided before.
        """
        announced = self.find_return(return_id)
        if announced.state is not ReturnState.REQUESTED:
            raise ReturnDecidedError(f"It is {announced.state}.", return_id=str(return_id))
        amount = announced.amount
        if accept:
            back = count(*(each.lines for each in self.returns if each.state in _TAKEN_BACK))
            amount = min(self._worth(announced.lines, back), self._left)
        state = ReturnState.ACCEPTED if accept else ReturnState.DECLINED
        decided = replace(announced, state=state, restock=restock, amount=amount, decided_at=now)
        self._put_return(decided)
        self.remark(by, f"Return {return_id} was {state}.", now)
        return decided

    def close_return(self, return_id: UUID, now: datetime) -> None:
        """Note that the money of a return is back, and the pieces."""
        self._put_return(replace(self.find_return(return_id), state=ReturnState.REFUNDED, refunded_at=now))
        self._tell_refund(return_id, self.find_return(return_id).amount, now)

    def refund(self, amount: Money, reason: str, by: str, now: datetime) -> Refund:
        """Have money go back.

        Raises:
            RefundTooLargeError: More than was paid, less what has gone back.
        """
        if self.status not in PAID or self.cancel_requested_at is not None:
            raise RefundTooLargeError(f"The order is {self.status}.", left=0)
        if self._left < amount:
            raise RefundTooLargeError("More would go back than was paid.", left=self._left.amount_minor)
        refund = Refund(uuid7(), amount, reason, now)
        self.refunds = (*self.refunds, refund)
        self.remark(by, f"Refund: {reason}", now)
        return refund

    def close_refund(self, refund_id: UUID, now: datetime) -> None:
        """Note that a refund is done."""
        self.refunds = tuple(replace(each, refunded_at=now) if each.id == refund_id else each for each in self.refunds)
        self._tell_refund(refund_id, next(each.amount for each in self.refunds if each.id == refund_id), now)

    @property
    def _left(self) -> Money:
        return self.quote.total - self.refunded

    def _worth(self, pieces: Pieces, back: Counter[str]) -> Money:
        """Return the share of pieces in what was paid for their lines, after those that are ``back``."""
        paid = {line.sku: line for line in self.quote.lines}
        amounts = (
            share(paid[sku].total, paid[sku].quantity, before=back[sku], now=quantity) for sku, quantity in pieces
        )
        return Money.total(amounts, self.currency)

    def _put_return(self, changed: Return) -> None:
        self.returns = tuple(changed if each.id == changed.id else each for each in self.returns)

    def _tell_refund(self, refund_id: UUID, amount: Money, now: datetime) -> None:
        self._note(now)
        self.events.append(OrderRefunded(self, self.version, now, refund_id, amount))

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
