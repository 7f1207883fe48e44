"""Where an order goes."""

from dataclasses import dataclass

from chassis.errors import InvalidError


class AddressUnknownError(InvalidError):
    """The customer's address book has no such entry, and an order has to go somewhere."""

    code = "shipping-address-unknown"
    title = "No such shipping address"


@dataclass(frozen=True, slots=True)
class ShippingAddress:
    """A copy of its own: the order goes where it was meant to go, whatever becomes of the address book.

    ``country`` is ISO 3166-1 alpha-2, ``phone`` is E.164.
    """

    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None
