"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import Table, event
from sqlalchemy.orm import Relationship, composite, registry, relationship

from customers.data.tables import addresses, customers, metadata, payment_methods
from customers.domain.addresses import Address, Defaults, PostalAddress
from customers.domain.books import Entry
from customers.domain.customers import Customer
from customers.domain.payment_methods import Instrument, PaymentMethod, Preference
from customers.domain.profiles import Preferences, Profile

mapper = registry(metadata=metadata)


def _kept(entry: type[Entry[Any, Any]], table: Table) -> Relationship[Any]:
    """Return a customer's entries of one kind: few by rule, so they come along; who only looks reads rows."""
    return relationship(entry, lazy="selectin", cascade="all, delete-orphan", order_by=table.c.id)


mapper.map_imperatively(
    Address,
    addresses,
    properties={
        "content": composite(
            PostalAddress,
            addresses.c.recipient,
            addresses.c.line1,
            addresses.c.line2,
            addresses.c.city,
            addresses.c.region,
            addresses.c.postal_code,
            addresses.c.country,
            addresses.c.phone,
        ),
        "defaults": composite(Defaults, addresses.c.default_shipping, addresses.c.default_billing),
    },
)

mapper.map_imperatively(
    PaymentMethod,
    payment_methods,
    properties={
        "content": composite(
            Instrument,
            payment_methods.c.kind,
            payment_methods.c.token,
            payment_methods.c.label,
            payment_methods.c.last4,
            payment_methods.c.expires,
        ),
        "defaults": composite(Preference, payment_methods.c.is_default),
    },
)

mapper.map_imperatively(
    Customer,
    customers,
    properties={
        "profile": composite(Profile, customers.c.name, customers.c.phone, customers.c.locale),
        "preferences": composite(
            Preferences,
            customers.c.marketing,
            customers.c.newsletter,
            customers.c.currency,
            customers.c.language,
        ),
        "addresses": _kept(Address, addresses),
        "payment_methods": _kept(PaymentMethod, payment_methods),
    },
)


@event.listens_for(Customer, "load")
def _begin_without_events(customer: Customer, _context: Any) -> None:
    """Give a loaded customer its list of events: SQLAlchemy does not call ``__init__``."""
    customer.events = []
