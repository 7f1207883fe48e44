"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import composite, registry, relationship

from customers.data.tables import addresses, customers, metadata
from customers.domain.addresses import Address, Defaults, PostalAddress
from customers.domain.customers import Customer
from customers.domain.profiles import Preferences, Profile

mapper = registry(metadata=metadata)

mapper.map_imperatively(
    Address,
    addresses,
    properties={
        "postal": composite(
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
        # Few by rule, so they come along; whoever only looks reads rows instead (`directory`).
        "addresses": relationship(Address, lazy="selectin", cascade="all, delete-orphan", order_by=addresses.c.id),
    },
)


@event.listens_for(Customer, "load")
def _begin_without_events(customer: Customer, _context: Any) -> None:
    """Give a loaded customer its list of events: SQLAlchemy does not call ``__init__``."""
    customer.events = []
