"""What comes back, and the money for it; and money that goes back for other reasons."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.money import Money
from orders.domain.shipments import Pieces

MOST_RETURNS = 100


class ReturnNotFoundError(NotFoundError):
    """The order has no such return."""

    code = "return-not-found"
    title = "No such return"


class ReturnTooLargeError(ConflictError):
    """More is to come back than was shipped and has not come back."""

    code = "return-too-large"
    title = "More would return than was taken"


class ReturnDecidedError(ConflictError):
    """Somebody has decided about it already."""

    code = "return-decided"
    title = "The return has been decided about"


class RefundTooLargeError(ConflictError):
    """More would go back than was paid."""

    code = "refund-too-large"
    title = "The refund is larger than what is left"


class ReturnState(StrEnum):
    """How far a return has come."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Return:
    """Pieces that come back. ``amount`` is their share of what was paid for their lines; shipping is not in it.

    Until the return is accepted, that is what it would be worth if all that were announced before it were accepted.
    """

    id: UUID
    lines: Pieces
    amount: Money
    reason: str
    state: ReturnState
    requested_at: datetime
    restock: bool = True
    decided_at: datetime | None = None
    refunded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back without anything coming back; ``refunded_at`` is None while it is under way."""

    id: UUID
    amount: Money
    reason: str
    requested_at: datetime
    refunded_at: datetime | None = None


def share(total: Money, quantity: int, *, before: int, now: int) -> Money:
    """Return what ``now`` pieces of ``quantity`` are worth after ``before`` others; all of them are worth ``total``."""
    return total.times(Fraction(before + now, quantity)) - total.times(Fraction(before, quantity))
