"""Postal addresses and what they are the default for. One belongs to one customer, who keeps the rules among them."""

from dataclasses import dataclass
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7

MAX_ADDRESSES = 20
"""Per customer: enough for anybody, and few enough to be loaded together."""


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


class Address:
    """An entry of a customer's address book, with a ``version`` of its own that counts its changes."""

    def __init__(self, customer_id: UUID, postal: PostalAddress, defaults: Defaults) -> None:
        self.id = uuid7()
        self.customer_id = customer_id
        self.version = 1
        self.postal = postal
        self.defaults = defaults

    def become(self, postal: PostalAddress, defaults: Defaults) -> None:
        """Change to this; nothing happens if it is this already."""
        if (self.postal, self.defaults) != (postal, defaults):
            self.postal, self.defaults = postal, defaults
            self.version += 1
