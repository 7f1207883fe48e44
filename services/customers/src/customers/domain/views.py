"""What readers see: one row each, flat, in the order the columns are selected."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from customers.domain.addresses import Defaults, PostalAddress
from customers.domain.books import Entry
from customers.domain.customers import Customer
from customers.domain.payment_methods import Instrument, PaymentKind, Preference
from customers.domain.tiers import Tier


class CustomerView(NamedTuple):
    """A customer as it is read; its fields mean what the parts of ``Customer`` mean."""

    id: UUID
    version: int
    email: str | None
    name: str | None
    phone: str | None
    locale: str | None
    marketing: bool
    newsletter: bool
    currency: str | None
    language: str | None
    tier: Tier
    registered_at: datetime | None

    @classmethod
    def of(cls, customer: Customer) -> "CustomerView":
        """Show a customer as it stands."""
        return cls(
            id=customer.id,
            version=customer.version,
            email=customer.email,
            name=customer.profile.name,
            phone=customer.profile.phone,
            locale=customer.profile.locale,
            marketing=customer.preferences.marketing,
            newsletter=customer.preferences.newsletter,
            currency=customer.preferences.currency,
            language=customer.preferences.language,
            tier=customer.tier,
            registered_at=customer.registered_at,
        )


class AddressView(NamedTuple):
    """An address as it is read."""

    id: UUID
    version: int
    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None
    default_shipping: bool
    default_billing: bool

    @classmethod
    def of(cls, address: Entry[PostalAddress, Defaults]) -> "AddressView":
        """Show an address as it stands."""
        return cls(
            id=address.id,
            version=address.version,
            recipient=address.content.recipient,
            line1=address.content.line1,
            line2=address.content.line2,
            city=address.content.city,
            region=address.content.region,
            postal_code=address.content.postal_code,
            country=address.content.country,
            phone=address.content.phone,
            default_shipping=address.defaults.shipping,
            default_billing=address.defaults.billing,
        )


class PaymentMethodView(NamedTuple):
    """A saved payment method as its owner reads it: without the token."""

    id: UUID
    version: int
    kind: PaymentKind
    label: str
    last4: str | None
    expires: str | None
    is_default: bool

    @classmethod
    def of(cls, method: Entry[Instrument, Preference]) -> "PaymentMethodView":
        """Show a payment method as it stands."""
        shown = method.content
        return cls(
            method.id, method.version, shown.kind, shown.label, shown.last4, shown.expires, method.defaults.is_default
        )


class Chargeable(NamedTuple):
    """A saved payment method as it is charged: with the token."""

    id: UUID
    kind: PaymentKind
    token: str
    label: str
    last4: str | None
    expires: str | None
    is_default: bool


class CheckoutView(NamedTuple):
    """All that a checkout wants to know of a customer."""

    id: UUID
    tier: Tier
    email: str | None
    addresses: list[AddressView]
    payment_methods: list[Chargeable]
