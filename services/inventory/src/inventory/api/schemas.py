"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from inventory.api.fields import Change, Distinct, Quantity, Received, Sku, Text, WarehouseCode
from inventory.domain.events import Pieces
from inventory.domain.reservations import State
from inventory.domain.stock import Reason
from inventory.domain.warehouses import DEFAULT


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class LineIn(_In):
    """So many pieces of a SKU."""

    sku: Sku
    quantity: Quantity


Lines = Annotated[list[LineIn], Field(min_length=1, max_length=100), Distinct]


class ReservationIn(_In):
    """What an order wants to hold, and for how long unless it is pinned."""

    lines: Lines
    expires_in_seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)] = 900

    @property
    def quantities(self) -> dict[str, int]:
        """How much of each SKU."""
        return {line.sku: line.quantity for line in self.lines}

    @property
    def lifetime(self) -> timedelta:
        """For how long."""
        return timedelta(seconds=self.expires_in_seconds)


class ReturnIn(_In):
    """What of an order's goods has come back."""

    lines: Lines

    @property
    def quantities(self) -> dict[str, int]:
        """How much of each SKU."""
        return {line.sku: line.quantity for line in self.lines}


class LineOut(_Out):
    """So many pieces of a SKU from one warehouse; ``returned`` of them have come back."""

    sku: str
    warehouse: str
    quantity: int
    returned: int


class ReservationOut(_Out):
    """What an order holds or held. ``expires_at`` is null where time plays no part any more."""

    order_id: UUID
    state: State
    lines: list[LineOut]
    expires_at: datetime | None
    changed_at: datetime


class StaffReason(StrEnum):
    """Why staff adjusts stock. ``sold`` and ``returned``, which the ledger knows too, are what orders do."""

    RECEIVED = "received"
    COUNTED = "counted"
    DAMAGED = "damaged"
    LOST = "lost"
    FOUND = "found"


def _nonzero(change: int) -> int:
    if change == 0:
        raise ValueError("should not be zero")
    return change


class AdjustmentIn(_In):
    """By how much the stock of a SKU changes: negative takes away. After a count it is the difference."""

    sku: Sku
    warehouse: WarehouseCode = DEFAULT
    quantity: Annotated[Change, AfterValidator(_nonzero)]
    reason: StaffReason
    note: Text | None = None

    @property
    def pieces(self) -> Pieces:
        """What comes or goes."""
        return Pieces(self.sku, self.warehouse, self.quantity)


class ReceivedIn(_In):
    """So many pieces of a SKU that came."""

    sku: Sku
    quantity: Received


class IntakeIn(_In):
    """A delivery: all of it is received, or nothing."""

    warehouse: WarehouseCode = DEFAULT
    reference: Text | None = None
    lines: Annotated[list[ReceivedIn], Field(min_length=1, max_length=1000), Distinct]

    @property
    def quantities(self) -> dict[str, int]:
        """How much of each SKU."""
        return {line.sku: line.quantity for line in self.lines}


class IntakeOut(_Out):
    """A delivery as a whole; `GET /v1/stock-adjustments?intake_id=` lists its lines."""

    id: UUID
    warehouse: str
    reference: str | None
    lines: int
    pieces: int
    actor: str
    created_at: datetime


class LowMarkIn(_In):
    """At how many available pieces the stock counts as low; null for never."""

    low_at: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None


class AdjustmentOut(_Out):
    """An entry of the ledger. ``actor`` is the account that made it, ``order_id`` the order that did."""

    id: UUID
    sku: str
    warehouse: str
    quantity: int
    reason: Reason
    note: str | None
    actor: str | None
    order_id: UUID | None
    intake_id: UUID | None
    created_at: datetime


class StockOut(_Out):
    """How much of a SKU lies in a warehouse (``on_hand``), how much of that is promised, and what counts as low."""

    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    low_at: int | None


class AvailabilityOut(_Out):
    """How much of a SKU can be ordered: exactly up to ten, and ``more`` beyond."""

    sku: str
    available: int
    more: bool


class AvailabilitiesOut(_Out):
    """One entry per SKU that was asked for, in that order."""

    items: list[AvailabilityOut]


class WarehouseIn(_In):
    """A warehouse; stock is taken from the one with the lowest ``priority`` first."""

    name: Text
    priority: Annotated[int, Field(strict=True, ge=0, le=1000)] = 100


class WarehouseOut(_Out):
    """A warehouse."""

    code: str
    name: str
    priority: int
