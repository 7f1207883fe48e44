"""What can be done with customers: fetch, ask the entity, return. The caller's unit of work commits it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.clock import Clock
from customers.domain.addresses import Defaults, PostalAddress
from customers.domain.ports import UnitOfWork
from customers.domain.profiles import merged
from customers.domain.tiers import Tier
from customers.domain.views import AddressView, CustomerView

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


class AddressService:
    """Changes an owner's address book."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(self, customer_id: UUID, postal: PostalAddress, defaults: Defaults) -> AddressView:
        """Put an address into the book.

        Raises:
            TooManyAddressesError: It is full.
        """
        customer = await self._uow.customers.get_or_add(customer_id)
        return AddressView.of(customer.add_address(postal, defaults))

    async def get(self, customer_id: UUID, address_id: UUID) -> AddressView:
        """Return an address as it stands within the unit of work.

        Raises:
            AddressNotFoundError: It is not in the owner's book.
        """
        customer = await self._uow.customers.get_or_add(customer_id)
        return AddressView.of(customer.address(address_id))

    async def replace(
        self, customer_id: UUID, address_id: UUID, postal: PostalAddress, defaults: Defaults, unchanged: Precondition
    ) -> AddressView:
        """Make an address another one; its id stays.

        Raises:
            AddressNotFoundError: It is not in the owner's book.
        """
        customer = await self._uow.customers.get_or_add(customer_id)
        address = customer.address(address_id)
        unchanged(address.version)
        customer.change_address(address, postal, defaults)
        return AddressView.of(address)

    async def remove(self, customer_id: UUID, address_id: UUID) -> None:
        """Take an address out of the book.

        Raises:
            AddressNotFoundError: It is not in the owner's book.
        """
        customer = await self._uow.customers.get_or_add(customer_id)
        customer.remove_address(address_id)
