"""What can be done with customers: fetch, ask the entity, return. The caller's unit of work commits it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from chassis.clock import Clock
from customers.domain.books import Book, ContentT, Entry, UsesT
from customers.domain.customers import Customer
from customers.domain.ports import UnitOfWork
from customers.domain.profiles import merged
from customers.domain.tiers import Tier
from customers.domain.views import CustomerView

ViewT = TypeVar("ViewT")

Precondition = Callable[[int], None]
"""Raises if the version that is about to be changed is not the one the caller has seen."""


class AccountService:
    """Follows what happens to accounts, which are auth's. News may come twice and in any order."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def register(self, account_id: UUID, *, email: str, name: str, at: datetime) -> None:
        """Have a customer for a new account."""
        customer = await self._uow.customers.get_or_add(account_id)
        customer.register(email=email, name=name, at=at)

    async def close(self, account_id: UUID, *, at: datetime) -> None:
        """Forget who had the account; one never heard of is remembered as closed."""
        customer = await self._uow.customers.get_or_add(account_id)
        customer.close(at)


class CustomerService:
    """Changes customers. What owners do with their own also works before the news of their registration is here."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def enter(self, customer_id: UUID) -> CustomerView:
        """Let the owner of an account in, known or not.

        Raises:
            CustomerNotFoundError: The account is closed.
        """
        customer = await self._uow.customers.get_or_add(customer_id)
        customer.ensure_open()
        return CustomerView.of(customer)

    async def change_profile(
        self, customer_id: UUID, patch: Mapping[str, Any], unchanged: Precondition
    ) -> CustomerView:
        """Merge ``patch`` into the owner's profile."""
        customer = await self._uow.customers.get_or_add(customer_id)
        unchanged(customer.version)
        customer.change_profile(merged(customer.profile, patch))
        return CustomerView.of(customer)

    async def change_preferences(
        self, customer_id: UUID, patch: Mapping[str, Any], unchanged: Precondition
    ) -> CustomerView:
        """Merge ``patch`` into the owner's preferences."""
        customer = await self._uow.customers.get_or_add(customer_id)
        unchanged(customer.version)
        customer.change_preferences(merged(customer.preferences, patch))
        return CustomerView.of(customer)

    async def change_tier(self, customer_id: UUID, tier: Tier, unchanged: Precondition) -> CustomerView:
        """Move a customer to another tier; staff's business, hence only a customer who is known.

        Raises:
            CustomerNotFoundError: Nobody has this id, or the account is closed.
        """
        customer = await self._uow.customers.get(customer_id)
        unchanged(customer.version)
        customer.change_tier(tier, self._clock.now())
        return CustomerView.of(customer)


class BookService(Generic[ContentT, UsesT, ViewT]):
    """Changes an owner's entries of one kind.

    Args:
        uow: What is changed together.
        book: Returns the customer's book of that kind.
        view: Shows an entry as it stands.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        book: Callable[[Customer], Book[ContentT, UsesT]],
        view: Callable[[Entry[ContentT, UsesT]], ViewT],
    ) -> None:
        self._uow = uow
        self._book = book
        self._view = view

    async def add(self, customer_id: UUID, content: ContentT, defaults: UsesT) -> ViewT:
        """Put an entry into the book.

        Raises:
            ConflictError: It is full.
        """
        return self._view((await self._of(customer_id)).add(content, defaults))

    async def get(self, customer_id: UUID, entry_id: UUID) -> ViewT:
        """Return an entry as it stands within the unit of work.

        Raises:
            NotFoundError: It is not in the owner's book.
        """
        return self._view((await self._of(customer_id)).get(entry_id))

    async def change(
        self,
        customer_id: UUID,
        entry_id: UUID,
        defaults: UsesT,
        unchanged: Precondition,
        *,
        content: ContentT | None = None,
    ) -> ViewT:
        """Make an entry the default for other things, and another one if ``content`` is given; its id stays.

        Raises:
            NotFoundError: It is not in the owner's book.
        """
        book = await self._of(customer_id)
        entry = book.get(entry_id)
        unchanged(entry.version)
        book.change(entry, entry.content if content is None else content, defaults)
        return self._view(entry)

    async def remove(self, customer_id: UUID, entry_id: UUID) -> None:
        """Take an entry out of the book.

        Raises:
            NotFoundError: It is not in the owner's book.
        """
        (await self._of(customer_id)).remove(entry_id)

    async def _of(self, customer_id: UUID) -> Book[ContentT, UsesT]:
        return self._book(await self._uow.customers.get_or_add(customer_id))
