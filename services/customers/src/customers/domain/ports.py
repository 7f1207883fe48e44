"""What the domain needs from outside; ``data`` supplies it, tests supply fakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from customers.domain.customers import Customer
from customers.domain.tiers import Tier
from customers.domain.views import AddressView, CheckoutView, CustomerView, PaymentMethodView


class CustomerRepository(Protocol):
    """Customers to be changed: each comes with all it has, and is nobody else's until the unit of work ends."""

    async def get(self, customer_id: UUID) -> Customer:
        """Return the customer, also a closed one.

        Raises:
            CustomerNotFoundError: There was never one with this id.
        """
        ...

    async def get_or_add(self, customer_id: UUID) -> Customer:
        """Return the customer, also a closed one; a new one if nobody has the id. Any number may ask at once."""
        ...


class UnitOfWork(Protocol):
    """What one request or message changes, all or nothing. Whoever opened it commits it."""

    @property
    def customers(self) -> CustomerRepository:
        """The customers within this unit of work."""
        ...


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers to list; None leaves a criterion out. Capitals in addresses make no difference."""

    email_prefix: str | None = None
    tier: Tier | None = None
    registered_from: datetime | None = None
    registered_before: datetime | None = None


After = tuple[UUID] | None
"""The id of the last row of the page before; None for the first page."""


class CustomerDirectory(Protocol):
    """Customers to be looked at: rows of what is committed, without those whose account is closed.

    A page has one row more than ``limit`` if another page follows.
    """

    async def find(self, customer_id: UUID) -> CustomerView | None:
        """Return the customer, or None."""
        ...

    async def find_by(self, criteria: CustomerFilter, *, after: After, limit: int) -> list[CustomerView]:
        """Return a page of customers, newest account first."""
        ...

    async def find_checkout(self, customer_id: UUID) -> CheckoutView | None:
        """Return what a checkout wants to know of the customer, or None."""
        ...

    @property
    def addresses(self) -> "EntryDirectory[AddressView]":
        """Everybody's addresses."""
        ...

    @property
    def payment_methods(self) -> "EntryDirectory[PaymentMethodView]":
        """Everybody's payment methods."""
        ...


ViewT_co = TypeVar("ViewT_co", covariant=True)


class EntryDirectory(Protocol[ViewT_co]):
    """Entries of one kind to be looked at, each by its owner."""

    async def find(self, customer_id: UUID, entry_id: UUID) -> ViewT_co | None:
        """Return the entry if it is in this customer's book, or None."""
        ...

    async def find_page(self, customer_id: UUID, *, after: After, limit: int) -> Sequence[ViewT_co]:
        """Return a page of the customer's book, oldest entry first."""
        ...
