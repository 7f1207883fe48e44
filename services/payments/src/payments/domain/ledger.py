"""Double-entry bookkeeping: each thing that happened to money is an entry whose lines sum to zero.

What we have is positive, what we owe or earned is negative. A hold is nobody's money yet, so it has two accounts of its
own, one against the other, and stays out of the balance.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.ids import uuid7


class Account(StrEnum):
    """The accounts. Their balances per currency are sums of lines, nothing else."""

    HELD = "held"
    """What customers' banks hold for us: authorised, not captured."""
    HELD_CONTRA = "held-contra"
    """The other side of ``held``."""
    PROVIDER = "provider"
    """What the provider owes us: captured, less refunded."""
    SALES = "sales"
    """What customers paid."""
    REFUNDS = "refunds"
    """What they were given back."""


class Booking(StrEnum):
    """What can happen to money."""

    HELD = "held"
    RELEASED = "released"
    CAPTURED = "captured"
    REFUNDED = "refunded"


class UnbalancedEntryError(Exception):
    """The lines of an entry do not sum to zero: a mistake in the code, which the database refuses too."""


@dataclass(frozen=True, slots=True)
class Line:
    """An amount on an account; positive is a debit."""

    account: Account
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened once, by one step of one order's payment.

    Raises:
        UnbalancedEntryError: Its lines do not sum to zero in every currency, or there are none.
    """

    order_id: UUID
    step: str
    booking: Booking
    booked_at: datetime
    lines: tuple[Line, ...]
    id: UUID = field(default_factory=uuid7)

    def __post_init__(self) -> None:
        if not self.lines or any(sums(self.lines).values()):
            raise UnbalancedEntryError(f"{self.booking} of {self.order_id}: {self.lines}")


def sums(lines: Iterable[Line]) -> dict[str, int]:
    """Add lines up, per currency."""
    found: dict[str, int] = {}
    for line in lines:
        found[line.currency] = found.get(line.currency, 0) + line.amount_minor
    return found


def lines_of(booking: Booking, amount_minor: int, currency: str) -> tuple[Line, ...]:
    """Return the lines that book an amount."""
    plan: dict[Booking, tuple[tuple[Account, int], ...]] = {
        Booking.HELD: ((Account.HELD, 1), (Account.HELD_CONTRA, -1)),
        Booking.RELEASED: ((Account.HELD, -1), (Account.HELD_CONTRA, 1)),
        Booking.CAPTURED: (
            (Account.HELD, -1),
            (Account.HELD_CONTRA, 1),
            (Account.PROVIDER, 1),
            (Account.SALES, -1),
        ),
        Booking.REFUNDED: ((Account.PROVIDER, -1), (Account.REFUNDS, 1)),
    }
    return tuple(Line(account, sign * amount_minor, currency) for account, sign in plan[booking])
