"""Stock as a ledger and two sums: what lies in a warehouse, how much of it is promised, and how it moves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7
from inventory.domain.events import Pieces


class InsufficientStockError(ConflictError):
    """There is less than what is wanted; ``shortages`` says of what, and how much there is."""

    code = "insufficient-stock"
    title = "There is not enough stock"


class StockShortError(ConflictError):
    """A change would take away what is promised to orders, or what is not there."""

    code = "stock-short"
    title = "There is not so much free stock"


class AdjustmentNotFoundError(NotFoundError):
    """The ledger has no such entry."""

    code = "adjustment-not-found"
    title = "No such adjustment"


class IntakeNotFoundError(NotFoundError):
    """There was no such delivery."""

    code = "intake-not-found"
    title = "No such intake"


class StockNotFoundError(NotFoundError):
    """This SKU was never in this warehouse."""

    code = "stock-not-found"
    title = "Never in stock there"


class Reason(StrEnum):
    """Why stock was adjusted. ``sold`` and ``returned`` are what orders do, the others what staff says."""

    RECEIVED = "received"
    COUNTED = "counted"
    DAMAGED = "damaged"
    LOST = "lost"
    FOUND = "found"
    SOLD = "sold"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An entry of the ledger: ``quantity`` pieces came (or, negative, went). Entries are never changed.

    ``actor`` is whoever asked for it: an account's id, or the order's service.
    """

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


@dataclass(frozen=True, slots=True)
class Intake:
    """A delivery as a whole: so many ``pieces`` in so many ``lines``, each an entry of the ledger."""

    id: UUID
    warehouse: str
    reference: str | None
    lines: int
    pieces: int
    actor: str
    created_at: datetime


def adjustment(
    pieces: Pieces,
    reason: Reason,
    now: datetime,
    *,
    note: str | None = None,
    actor: str | None = None,
    order_id: UUID | None = None,
    intake_id: UUID | None = None,
) -> Adjustment:
    """Make a new entry; a negative quantity takes away."""
    return Adjustment(
        uuid7(), pieces.sku, pieces.warehouse, pieces.quantity, reason, note, actor, order_id, intake_id, now
    )


class Move(NamedTuple):
    """A change of one SKU's stock in one warehouse.

    What is on hand changes by the ``entry`` alone, so that it is always the ledger's sum.
    """

    sku: str
    warehouse: str
    reserved: int = 0
    entry: Adjustment | None = None

    @property
    def on_hand(self) -> int:
        """By how much the stock on hand changes."""
        return 0 if self.entry is None else self.entry.quantity


class Level(NamedTuple):
    """How much of a SKU one warehouse has."""

    sku: str
    warehouse: str
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        """What can be promised."""
        return self.on_hand - self.reserved


def allocate(wanted: Mapping[str, int], levels: Sequence[Level]) -> list[Pieces]:
    """Choose where each piece comes from: in as few parcels as is easily seen.

    A warehouse that has everything, else per SKU one that has all of it, else whatever there is.

    Args:
        wanted: Quantities by SKU.
        levels: Of these SKUs; of two warehouses the one that stands first is preferred.

    Raises:
        InsufficientStockError: Some SKU has less than what is wanted, in all warehouses together.
    """
    by_sku: dict[str, list[Level]] = {sku: [] for sku in wanted}
    for level in levels:
        by_sku[level.sku].append(level)
    _refuse_shortages(wanted, by_sku)
    whole = [
        {level.warehouse: None for level in by_sku[sku] if level.available >= quantity}
        for sku, quantity in wanted.items()
    ]
    for warehouse in whole[0]:
        if all(warehouse in each for each in whole):
            return [Pieces(sku, warehouse, quantity) for sku, quantity in sorted(wanted.items())]
    return sorted(piece for sku, quantity in wanted.items() for piece in _from_several(sku, quantity, by_sku[sku]))


def _refuse_shortages(wanted: Mapping[str, int], by_sku: Mapping[str, Sequence[Level]]) -> None:
    available = {sku: sum(level.available for level in levels) for sku, levels in by_sku.items()}
    if shortages := [
        {"sku": sku, "wanted": quantity, "available": available[sku]}
        for sku, quantity in sorted(wanted.items())
        if available[sku] < quantity
    ]:
        names = ", ".join(str(each["sku"]) for each in shortages)
        raise InsufficientStockError(f"There is not enough of {names}.", shortages=shortages)


def _from_several(sku: str, quantity: int, levels: Iterable[Level]) -> Iterable[Pieces]:
    levels = [level for level in levels if level.available > 0]
    for level in levels:
        if level.available >= quantity:
            yield Pieces(sku, level.warehouse, quantity)
            return
    for level in levels:
        taken = min(quantity, level.available)
        if taken:
            yield Pieces(sku, level.warehouse, taken)
        quantity -= taken


def by_sku(pieces: Iterable[Pieces]) -> dict[str, int]:
    """Sum pieces up over warehouses."""
    return {
        sku: sum(each.quantity for each in group) for sku, group in groupby(sorted(pieces), key=lambda each: each.sku)
    }
