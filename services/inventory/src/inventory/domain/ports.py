"""What the domain needs from outside; ``data`` supplies it."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.spans import Span
from inventory.domain.reservations import Reservation
from inventory.domain.stock import Adjustment, Intake, Level, Reason
from inventory.domain.views import ReservationView, StockView
from inventory.domain.warehouses import Warehouse


class ReservationRepository(Protocol):
    """Reservations to be changed: each comes with its lines, and is nobody else's until the unit of work ends."""

    async def get(self, order_id: UUID) -> Reservation:
        """Return the order's reservation.

        Raises:
            ReservationNotFoundError: It has none.
        """
        ...

    async def add(self, reservation: Reservation) -> bool:
        """Add an order's reservation, at once, so that nobody else can; return False if the order has one."""
        ...

    async def find_due(self, now: datetime, *, limit: int) -> Sequence[Reservation]:
        """Return some whose time is over; those that somebody else is changing are left out."""
        ...

    async def find_return(self, order_id: UUID, return_id: UUID) -> Mapping[str, int] | None:
        """Return the quantities by SKU of a return that is known, or None."""
        ...

    async def forget_steps(self, before: datetime, *, limit: int) -> int:
        """Forget some steps that another one followed before an instant; return how many."""
        ...

    async def add_return(self, order_id: UUID, return_id: UUID, quantities: Mapping[str, int], now: datetime) -> None:
        """Remember a return; the reservation has to be one's own at that time."""
        ...


class StockRepository(Protocol):
    """Stock within a unit of work.

    What a unit of work does to it is booked at its very end, all at once and in one order, so that no row of stock is
    locked for longer than a commit takes and nobody waits for each other in a circle. If the booking then finds less
    than was seen before, the unit of work fails with ``StockShortError``.
    """

    async def find_levels(self, skus: Collection[str], *, locked: bool) -> Sequence[Level]:
        """Return what there is, preferred warehouses first; ``locked`` keeps it so until the unit of work ends."""
        ...

    async def adjust(self, entries: Sequence[Adjustment]) -> None:
        """Book entries of the ledger.

        Raises:
            WarehouseNotFoundError: One names a warehouse that is not there.
        """
        ...

    async def take_in(self, intake: Intake, entries: Sequence[Adjustment]) -> None:
        """Book a delivery and its entries.

        Raises:
            WarehouseNotFoundError: There is no such warehouse.
        """
        ...

    async def mark_low(self, sku: str, warehouse: str, low_at: int | None) -> StockView:
        """Say what counts as low.

        Raises:
            StockNotFoundError: This SKU was never in this warehouse.
        """
        ...


class WarehouseRepository(Protocol):
    """The warehouses there are."""

    async def put(self, warehouse: Warehouse) -> bool:
        """Make a warehouse this; return whether it is new."""
        ...


class UnitOfWork(Protocol):
    """What one request changes, all or nothing. Whoever opened it commits it."""

    @property
    def reservations(self) -> ReservationRepository:
        """The reservations within this unit of work."""
        ...

    @property
    def stock(self) -> StockRepository:
        """The stock within this unit of work."""
        ...

    @property
    def warehouses(self) -> WarehouseRepository:
        """The warehouses within this unit of work."""
        ...


class Units(Protocol):
    """Opens units of work."""

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work; it commits at the end of the block."""
        ...


@dataclass(frozen=True, slots=True)
class StockFilter:
    """Which stock to list; None leaves a criterion out."""

    sku: str | None = None
    warehouse: str | None = None
    low: bool | None = None


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which entries of the ledger to list; None leaves a criterion out."""

    sku: str | None = None
    warehouse: str | None = None
    reason: Reason | None = None
    order_id: UUID | None = None
    intake_id: UUID | None = None


class StockDirectory(Protocol):
    """Everything of this service to be looked at: rows of what is committed.

    A page has one row more than ``limit`` if another page follows.
    """

    async def find_reservation(self, order_id: UUID) -> ReservationView | None:
        """Return the order's reservation, or None."""
        ...

    async def find_reservations(
        self, as_of: datetime, orders: Span[UUID], *, after: tuple[UUID] | None, limit: int
    ) -> Sequence[ReservationView]:
        """Return a page of these orders' reservations as they stood at an instant, by order."""
        ...

    async def find_intake(self, intake_id: UUID) -> Intake | None:
        """Return a delivery, or None."""
        ...

    async def find_adjustment(self, adjustment_id: UUID) -> Adjustment | None:
        """Return an entry of the ledger, or None."""
        ...

    async def find_adjustments(
        self, criteria: LedgerFilter, *, after: tuple[UUID] | None, limit: int
    ) -> Sequence[Adjustment]:
        """Return a page of the ledger, newest entry first."""
        ...

    async def find_stock(
        self, criteria: StockFilter, *, after: tuple[str, str] | None, limit: int
    ) -> Sequence[StockView]:
        """Return a page of the stock, by SKU and warehouse."""
        ...

    async def find_available(self, skus: Collection[str]) -> Mapping[str, int]:
        """Return what can be promised of each SKU; one that was never in stock is left out."""
        ...

    async def find_warehouse(self, code: str) -> Warehouse | None:
        """Return the warehouse, or None."""
        ...

    async def find_warehouses(self, *, after: tuple[str] | None, limit: int) -> Sequence[Warehouse]:
        """Return a page of the warehouses, by code."""
        ...
