"""What happens to an order that somebody may want to know. ``orders.events`` says which of it is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from chassis.money import Money

if TYPE_CHECKING:
    from orders.domain.orders import Order
    from orders.domain.shipments import Shipment


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """Something happened to an order; ``version`` is the order's after it."""

    order: "Order"
    version: int
    at: datetime

    @property
    def order_id(self) -> UUID:
        """Whose event it is."""
        return self.order.id


class OrderPlaced(OrderEvent):
    """A customer ordered; nothing is promised yet."""


class OrderConfirmed(OrderEvent):
    """It is paid and its stock is taken."""


@dataclass(frozen=True, slots=True)
class OrderShipped(OrderEvent):
    """Pieces have left the warehouse; ``complete`` if they were the last."""

    shipment: "Shipment"
    complete: bool


class OrderDelivered(OrderEvent):
    """All of it has arrived."""


@dataclass(frozen=True, slots=True)
class OrderRefunded(OrderEvent):
    """Money has gone back, for a return or otherwise."""

    refund_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class OrderRejected(OrderEvent):
    """It came to nothing; no money and no stock is held."""

    code: str


@dataclass(frozen=True, slots=True)
class OrderCancelled(OrderEvent):
    """It was called off; money and stock are back where they were."""

    reason: str
