"""What readers see: one row each, flat."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from payments.domain.ledger import Account, Booking, Line
from payments.domain.methods import MethodKind
from payments.domain.payments import Payment, PaymentState
from payments.domain.steps import StepKind


class PaymentView(NamedTuple):
    """A payment as it is read; its fields mean what those of ``Payment`` mean."""

    order_id: UUID
    version: int
    state: PaymentState
    provider: str
    kind: MethodKind | None
    customer_id: UUID | None
    amount_minor: int | None
    currency: str | None
    held_minor: int
    captured_minor: int
    refunded_minor: int
    decline_code: str | None
    provider_reference: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> "PaymentView":
        """Show a payment as it stands."""
        return cls(*(getattr(payment, name) for name in cls._fields))


class EntryView(NamedTuple):
    """An entry of the ledger."""

    id: UUID
    order_id: UUID
    step: str
    booking: Booking
    booked_at: datetime
    lines: tuple[Line, ...]


class BalanceView(NamedTuple):
    """What is on an account in one currency: what was debited, what was credited (not negative), and the difference."""

    account: Account
    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


class PendingView(NamedTuple):
    """How many steps of a kind have no outcome yet, and since when the oldest of them waits for one."""

    kind: StepKind
    steps: int
    oldest_seconds: float
