"""What of an order's life is told to others, and in which words."""

from datetime import datetime
from typing import Any, ClassVar
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


class ShippedLine(EventData):
    """How many pieces of what."""

    name: ClassVar[str] = "shipped-line"

    sku: str
    quantity: int


class OrderShipped(_OrderEvent):
    """Pieces of an order have left the warehouse; `complete` if they were the last."""

    name: ClassVar[str] = "order-shipped"

    shipment_id: UUID
    carrier: str
    tracking_number: str
    lines: list[ShippedLine]
    complete: bool
    shipped_at: datetime


class OrderDelivered(_OrderEvent):
    """All of an order has arrived."""

    name: ClassVar[str] = "order-delivered"

    delivered_at: datetime


class OrderRefunded(_OrderEvent):
    """Money of an order has gone back, for a return or otherwise."""

    name: ClassVar[str] = "order-refunded"

    refund_id: UUID
    amount: MoneyField
    refunded_at: datetime


class OrderRejected(_OrderEvent):
    """An order came to nothing; ``code`` says why."""

    name: ClassVar[str] = "order-rejected"

    code: str
    rejected_at: datetime


class OrderCancelled(_OrderEvent):
    """An order was called off; money and stock are back."""

    name: ClassVar[str] = "order-cancelled"

    cancelled_at: datetime


PUBLISHED = (
    OrderPlaced,
    OrderConfirmed,
    OrderRejected,
    OrderCancelled,
    OrderShipped,
    OrderDelivered,
    OrderRefunded,
)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""


def publish(event: domain.OrderEvent) -> Message:
    """Return what is told of a domain event; all of an order's are told."""
    return Message(_data(event), subject=str(event.order_id), sequence=event.version)


def _data(event: domain.OrderEvent) -> EventData:
    order, at = event.order, event.at
    common: dict[str, Any] = {
        "order_id": order.id,
        "customer_id": order.customer_id,
        "total": MoneyField.of(order.quote.total),
    }
    data: EventData
    match event:
        case domain.OrderPlaced():
            data = OrderPlaced(**common, lines=_lines(order), placed_at=at)
        case domain.OrderConfirmed():
            data = OrderConfirmed(**common, lines=_lines(order), country=order.address.country, confirmed_at=at)
        case domain.OrderShipped():
            data = _shipped(event, common)
        case domain.OrderDelivered():
            data = OrderDelivered(**common, delivered_at=at)
        case domain.OrderRefunded():
            amount = MoneyField.of(event.amount)
            data = OrderRefunded(**common, refund_id=event.refund_id, amount=amount, refunded_at=at)
        case domain.OrderRejected():
            data = OrderRejected(**common, code=event.code, rejected_at=at)
        case domain.OrderCancelled():
            data = OrderCancelled(**common, cancelled_at=at)
        case _:
            raise TypeError(event)
    return data


def _shipped(event: domain.OrderShipped, common: dict[str, Any]) -> OrderShipped:
    shipment = event.shipment
    return OrderShipped(
        **common,
        shipment_id=shipment.id,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        lines=[ShippedLine(sku=sku, quantity=quantity) for sku, quantity in shipment.lines],
        complete=event.complete,
        shipped_at=event.at,
    )


def _lines(order: Order) -> list[OrderedLine]:
    return [
        OrderedLine(sku=line.sku, product_id=line.product_id, quantity=line.quantity, total=MoneyField.of(line.total))
        for line in order.quote.lines
    ]
