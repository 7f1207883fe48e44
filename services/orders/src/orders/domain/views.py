"""What readers see: one row each, flat, in the order the columns are selected."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from orders.domain.addresses import ShippingAddress
from orders.domain.carts import Cart, opens
from orders.domain.orders import RUNNING, Change, Order, OrderStatus
from orders.domain.pricing import Quote
from orders.domain.returns import Refund, Return
from orders.domain.sagas import Kind, Saga, Step, Verdict
from orders.domain.shipments import Shipment


class CartView(NamedTuple):
    """A cart as it is read."""

    id: UUID
    version: int
    customer_id: UUID | None
    secret_hash: bytes | None
    currency: str
    lines: Mapping[str, int]
    coupon: str | None
    changed_at: datetime

    @classmethod
    def of(cls, cart: Cart) -> "CartView":
        """Show a cart as it stands."""
        return cls(*(getattr(cart, name) for name in cls._fields))

    def admits(self, customer_id: UUID | None, secret: str | None) -> bool:
        """Tell whether it may be shown to this customer, or to whoever knows this secret."""
        return opens(self, customer_id, secret)


class OrderView(NamedTuple):
    """An order as it is read."""

    id: UUID
    version: int
    customer_id: UUID
    cart_id: UUID
    status: OrderStatus
    quote: Quote
    address: ShippingAddress
    payment_kind: str
    code: str | None
    reason: str | None
    cancel_requested_at: datetime | None
    placed_at: datetime
    changed_at: datetime
    history: tuple[Change, ...]
    shipments: tuple[Shipment, ...]
    returns: tuple[Return, ...]
    refunds: tuple[Refund, ...]

    @classmethod
    def of(cls, order: Order) -> "OrderView":
        """Show an order as it stands."""
        return cls(*(getattr(order, name) for name in cls._fields))

    @property
    def is_running(self) -> bool:
        """Whether the checkout is under way."""
        return self.status in RUNNING


class SagaView(NamedTuple):
    """A saga as staff reads it; what the payment is made with is nobody's to see."""

    id: UUID
    order_id: UUID
    kind: Kind
    step: Step | None
    verdict: Verdict
    code: str | None
    reason: str | None
    attempts: int
    error: str | None
    token: int
    next_attempt_at: datetime
    leased_until: datetime | None
    deadline_at: datetime | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, saga: Saga) -> "SagaView":
        """Show a saga as it stands."""
        return cls(*(getattr(saga, name) for name in cls._fields))


class OpenSagas(NamedTuple):
    """How many sagas have not finished, how many of them are stuck, and how long the oldest has been at it."""

    running: int
    stuck: int
    oldest_seconds: float
