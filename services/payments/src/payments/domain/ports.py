"""What the domain needs from outside; ``data`` and ``clients`` supply it, tests supply fakes."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.errors import UnavailableError
from chassis.money import Money
from chassis.spans import Span
from payments.domain.methods import Method
from payments.domain.payments import Payment
from payments.domain.steps import Outcome, Task
from payments.domain.views import BalanceView, EntryView, PaymentView, PendingView


class ProviderSilentError(UnavailableError):
    """The provider gave no answer that settles anything; whether it did what was asked, nobody knows."""

    code = "provider-unavailable"
    title = "The payment provider cannot answer now"


@dataclass(frozen=True, slots=True)
class ProviderOperation:
    """A line of the provider's own books."""

    reference: str
    kind: str
    authorisation: str
    state: str
    code: str | None
    amount: Money
    settled_at: datetime


class PaymentProvider(Protocol):
    """A company that moves money. Asking again under the same reference is harmless, always.

    Raises:
        ProviderSilentError: From everything: no answer, or none that means something.
    """

    @property
    def name(self) -> str:
        """What it is called in payments and in the address of its webhooks."""
        ...

    async def authorise(self, reference: str, amount: Money, method: Method) -> Outcome:
        """Hold an amount."""
        ...

    async def capture(self, reference: str, authorisation: str, amount: Money) -> Outcome:
        """Take an amount that is held."""
        ...

    async def void(self, reference: str, authorisation: str) -> Outcome:
        """Let go of what is held, and refuse the authorisation if it comes later."""
        ...

    async def refund(self, reference: str, authorisation: str, amount: Money) -> Outcome:
        """Give back an amount that was taken."""
        ...

    async def find(self, reference: str) -> Outcome | None:
        """Return what came of something; None where nothing was ever asked under this reference."""
        ...

    async def list(
        self, orders: Span[UUID], *, as_of: datetime, cursor: str | None, limit: int
    ) -> tuple[Sequence[ProviderOperation], str | None]:
        """Return a page of its books about these orders as of an instant, and the next page's cursor.

        Raises:
            MalformedCursorError: The cursor is none of the provider's.
        """
        ...


class PaymentRepository(Protocol):
    """Payments to be changed: each comes with its steps, and is nobody else's until the unit of work ends."""

    async def get(self, order_id: UUID) -> Payment:
        """Return an order's payment.

        Raises:
            PaymentNotFoundError: It has none.
        """
        ...

    async def get_or_add(self, order_id: UUID, *, provider: str, now: datetime) -> Payment:
        """Return an order's payment, a new one if it has none. Any number may ask at once."""
        ...

    async def find_by_reference(self, reference: str) -> Payment | None:
        """Return the payment that has a step with this reference, or None."""
        ...

    async def is_settled(self, reference: str) -> bool:
        """Tell whether the outcome of the step with this reference is known, for good."""
        ...

    async def claim_due(self, now: datetime, limit: int) -> Sequence[Task]:
        """Take the leases of steps that are due."""
        ...

    async def postpone(self, task: Task, due_at: datetime) -> None:
        """Have the step asked again at ``due_at``, unless it is settled or somebody else has its lease."""
        ...


class Signatures(Protocol):
    """Signatures of webhooks that were accepted."""

    async def add(self, digest: bytes, now: datetime) -> bool:
        """Remember one; tell whether it was new."""
        ...


class UnitOfWork(Protocol):
    """What is changed together, all or nothing."""

    @property
    def payments(self) -> PaymentRepository:
        """The payments within this unit of work."""
        ...

    @property
    def signatures(self) -> Signatures:
        """The signatures within this unit of work."""
        ...


class Units(Protocol):
    """Opens units of work, which commit at the end of their block."""

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open one."""
        ...


class PaymentDirectory(Protocol):
    """Payments and the ledger to be looked at. A page has one row more than ``limit`` if another page follows."""

    async def find(self, order_id: UUID) -> PaymentView | None:
        """Return an order's payment, or None."""
        ...

    async def find_as_of(
        self, as_of: datetime | None, orders: Span[UUID], *, after: tuple[UUID] | None, limit: int
    ) -> Sequence[PaymentView]:
        """Return a page of these orders' payments as each was at an instant, oldest order first; None: as they are."""
        ...

    async def find_entries(
        self, *, order_id: UUID | None, account: str | None, after: tuple[UUID] | None, limit: int
    ) -> Sequence[EntryView]:
        """Return a page of the ledger's entries, oldest first."""
        ...

    async def balances(self, as_of: datetime | None) -> Sequence[BalanceView]:
        """Return what is on each account, per currency, as of an instant or now."""
        ...

    async def pending(self, now: datetime) -> Sequence[PendingView]:
        """Count what has no outcome yet, by kind; a kind of which there is nothing is left out."""
        ...
