"""What happens to an order that somebody may want to know. ``orders.events`` says which of it is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from orders.domain.orders import Order


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
class OrderRejected(OrderEvent):
    """It came to nothing; no money and no stock is held."""

    code: str


@dataclass(frozen=True, slots=True)
class OrderCancelled(OrderEvent):
    """It was called off; money and stock are back where they were."""

    reason: str
