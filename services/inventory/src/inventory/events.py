"""What of the stock's life is told to others, and in which words."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from chassis.events import EventData, Message
from inventory.domain import events as happened
from inventory.domain.events import Pieces, ReservationEvent


class EventLine(BaseModel):
    """So many pieces of a SKU in one warehouse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: str
    warehouse: str
    quantity: int


class ReleaseReason(StrEnum):
    """Why stock is free again: somebody gave it back, or the time was over."""

    RELEASED = "released"
    EXPIRED = "expired"


class StockReserved(EventData):
    """An order holds stock for a while."""

    name: ClassVar[str] = "stock-reserved"

    order_id: UUID
    lines: list[EventLine]
    expires_at: datetime
    reserved_at: datetime


class StockReleased(EventData):
    """What an order held is free again."""

    name: ClassVar[str] = "stock-released"

    order_id: UUID
    lines: list[EventLine]
    reason: ReleaseReason
    released_at: datetime


class StockCommitted(EventData):
    """What an order held has left the stock."""

    name: ClassVar[str] = "stock-committed"

    order_id: UUID
    lines: list[EventLine]
    committed_at: datetime


class StockReturned(EventData):
    """Some of what an order took has come back."""

    name: ClassVar[str] = "stock-returned"

    order_id: UUID
    return_id: UUID
    lines: list[EventLine]
    returned_at: datetime


class StockLow(EventData):
    """What is available of a SKU in a warehouse has come down to its low mark, or below."""

    name: ClassVar[str] = "stock-low"

    sku: str
    warehouse: str
    available: int
    low_at: int
    noticed_at: datetime


PUBLISHED = (StockReserved, StockReleased, StockCommitted, StockReturned, StockLow)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""


def publish(event: ReservationEvent) -> Message:
    """Return what is told of a domain event; all of a reservation's are told."""
    return Message(_data(event), subject=str(event.order_id), sequence=event.version)


def publish_low(event: happened.StockLow) -> Message:
    """Return what is told of stock that is low; the aggregate is the SKU in its warehouse."""
    data = StockLow(
        sku=event.sku,
        warehouse=event.warehouse,
        available=event.available,
        low_at=event.low_at,
        noticed_at=event.noticed_at,
    )
    return Message(data, subject=f"{event.warehouse}/{event.sku}", sequence=event.version)


def _data(event: ReservationEvent) -> EventData:
    lines = _lines(event.pieces)
    match event:
        case happened.StockReserved():
            return StockReserved(
                order_id=event.order_id, lines=lines, expires_at=event.expires_at, reserved_at=event.reserved_at
            )
        case happened.StockReleased():
            reason = ReleaseReason.EXPIRED if event.expired else ReleaseReason.RELEASED
            return StockReleased(order_id=event.order_id, lines=lines, reason=reason, released_at=event.released_at)
        case happened.StockCommitted():
            return StockCommitted(order_id=event.order_id, lines=lines, committed_at=event.committed_at)
        case happened.StockReturned():
            return StockReturned(
                order_id=event.order_id, return_id=event.return_id, lines=lines, returned_at=event.returned_at
            )


def _lines(pieces: Iterable[Pieces]) -> list[EventLine]:
    return [EventLine(sku=each.sku, warehouse=each.warehouse, quantity=each.quantity) for each in pieces]
