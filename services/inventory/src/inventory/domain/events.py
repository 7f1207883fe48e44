"""What happens to stock that somebody may want to know. ``inventory.events`` says which of it is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Pieces(NamedTuple):
    """So many pieces of one SKU in one warehouse."""

    sku: str
    warehouse: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockReserved:
    """An order holds stock until ``expires_at``; ``version`` is the reservation's after the change, as below."""

    order_id: UUID
    version: int
    pieces: tuple[Pieces, ...]
    expires_at: datetime
    reserved_at: datetime


@dataclass(frozen=True, slots=True)
class StockReleased:
    """What an order held is free again; ``expired`` tells whether nobody asked for that."""

    order_id: UUID
    version: int
    pieces: tuple[Pieces, ...]
    expired: bool
    released_at: datetime


@dataclass(frozen=True, slots=True)
class StockCommitted:
    """What an order held has left the stock."""

    order_id: UUID
    version: int
    pieces: tuple[Pieces, ...]
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class StockReturned:
    """Some of what an order took has come back."""

    order_id: UUID
    version: int
    return_id: UUID
    pieces: tuple[Pieces, ...]
    returned_at: datetime


@dataclass(frozen=True, slots=True)
class StockLow:
    """What is available of a SKU in a warehouse has come down to its low mark; ``version`` is the stock's."""

    sku: str
    warehouse: str
    version: int
    available: int
    low_at: int
    noticed_at: datetime


ReservationEvent = StockReserved | StockReleased | StockCommitted | StockReturned
