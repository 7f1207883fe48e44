"""What of an order's life is told to others, and in which words."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from chassis.events import EventData, Message
from chassis.money_schema import MoneyField
from orders.domain import events as domain
from orders.domain.orders import Order


class OrderedLine(EventData):
    """How much of what, and what the line came to."""

    name: ClassVar[str] = "ordered-line"

    sku: str
    product_id: str
    quantity: int
    total: MoneyField


class _OrderEvent(EventData):
    order_id: UUID
    customer_id: UUID
    total: MoneyField


class OrderPlaced(_OrderEvent):
    """A customer ordered; nothing is promised yet."""

    name: ClassVar[str] = "order-placed"

    lines: list[OrderedLine]
    placed_at: datetime


class OrderConfirmed(_OrderEvent):
    """An order is paid and its stock is taken."""

    name: ClassVar[str] = "order-confirmed"

    lines: list[OrderedLine]
    country: str
    confirmed_at: datetime


class OrderRejected(_OrderEvent):
    """An order came to nothing; ``code`` says why."""

    name: ClassVar[str] = "order-rejected"

    code: str
    rejected_at: datetime


class OrderCancelled(_OrderEvent):
    """An order was called off; money and stock are back."""

    name: ClassVar[str] = "order-cancelled"

    cancelled_at: datetime


PUBLISHED = (OrderPlaced, OrderConfirmed, OrderRejected, OrderCancelled)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""


def publish(event: domain.OrderEvent) -> Message:
    """Return what is told of a domain event; all of an order's are told."""
    return Message(_data(event), subject=str(event.order_id), sequence=event.version)


def _data(event: domain.OrderEvent) -> EventData:
    order = event.order
    common = {"order_id": order.id, "customer_id": order.customer_id, "total": MoneyField.of(order.quote.total)}
    match event:
        case domain.OrderPlaced():
            return OrderPlaced(**common, lines=_lines(order), placed_at=event.at)
        case domain.OrderConfirmed():
            country = order.address.country
            return OrderConfirmed(**common, lines=_lines(order), country=country, confirmed_at=event.at)
        case domain.OrderRejected():
            return OrderRejected(**common, code=event.code, rejected_at=event.at)
        case domain.OrderCancelled():
            return OrderCancelled(**common, cancelled_at=event.at)
    raise TypeError(event)


def _lines(order: Order) -> list[OrderedLine]:
    return [
        OrderedLine(sku=line.sku, product_id=line.product_id, quantity=line.quantity, total=MoneyField.of(line.total))
        for line in order.quote.lines
    ]
