"""What has left the warehouse: perhaps not all of an order at once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError

Pieces = tuple[tuple[str, int], ...]
"""SKUs with their quantities, each SKU once."""

MOST_SHIPMENTS = 100


class ShipmentNotFoundError(NotFoundError):
    """The order has no such shipment."""

    code = "shipment-not-found"
    title = "No such shipment"


class OrderNotShippableError(ConflictError):
    """It is not confirmed, it is being called off, or more is to be shipped than is left to ship."""

    code = "order-not-shippable"
    title = "This cannot be shipped"


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel of an order; ``delivered_at`` is None until it has arrived."""

    id: UUID
    carrier: str
    tracking_number: str
    lines: Pieces
    shipped_at: datetime
    delivered_at: datetime | None = None


def count(*many: Iterable[tuple[str, int]]) -> Counter[str]:
    """Add pieces up by SKU."""
    counted: Counter[str] = Counter()
    for pieces in many:
        for sku, quantity in pieces:
            counted[sku] += quantity
    return counted
