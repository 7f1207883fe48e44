"""Postal addresses and what they are the default for."""

from dataclasses import dataclass

from chassis.errors import ConflictError, NotFoundError
from customers.domain.books import Book, Entry


class AddressNotFoundError(NotFoundError):
    """The customer has no such address; somebody else's counts as none."""

    code = "address-not-found"
    title = "No such address"


class TooManyAddressesError(ConflictError):
    """The customer's address book is full."""

    code = "too-many-addresses"
    title = "The address book is full"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where a parcel or an invoice goes. ``country`` is ISO 3166-1 alpha-2, ``phone`` is E.164, for the carrier."""

    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an address is used for unless the customer says otherwise."""

    shipping: bool = False
    billing: bool = False

    def without(self, taken: "Defaults") -> "Defaults":
        """Return what is left when another address takes ``taken``."""
        return Defaults(self.shipping and not taken.shipping, self.billing and not taken.billing)


class Address(Entry[PostalAddress, Defaults]):
    """An entry of a customer's address book."""


class AddressBook(Book[PostalAddress, Defaults]):
    """A customer's addresses."""

    kind = Address
    limit = 20
    missing = AddressNotFoundError
    id_name = "address_id"
    full = TooManyAddressesError
