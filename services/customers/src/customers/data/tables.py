"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

=========  ==========================================  ===========================================================
table      holds                                       kept for
=========  ==========================================  ===========================================================
customers  a row per account                           what is personal until the account is closed; then an empty
                                                       shell for ever, so that news that comes late finds it
addresses  up to twenty rows per customer              until its owner removes it or the account is closed
payment_   up to ten rows per customer: a provider's   until its owner removes it or the account is closed
methods    token, never a card's number
=========  ==========================================  ===========================================================
"""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    collate,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from customers.domain.payment_methods import PaymentKind
from customers.domain.tiers import Tier

metadata = MetaData()

_instant = DateTime(timezone=True)


def _one_of(kinds: type[StrEnum], name: str) -> Enum:
    """Return a column of text that holds the values of ``kinds`` only, by a constraint of this name."""
    return Enum(
        kinds,
        name=name,
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [str(each) for each in members],
    )


customers = Table(
    "customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("email", Text),
    Column("name", Text),
    Column("phone", Text),
    Column("locale", Text),
    Column("marketing", Boolean, nullable=False),
    Column("newsletter", Boolean, nullable=False),
    Column("currency", Text),
    Column("language", Text),
    Column("tier", _one_of(Tier, "customers_tier"), nullable=False),
    Column("registered_at", _instant),
    Column("closed_at", _instant),
    Index("customers_email_key", text('(lower(email) COLLATE "C")')),
    Index("customers_registered_at", "registered_at"),
)

email_key = collate(func.lower(customers.c.email), "C")
"""What e-mail addresses are compared by: without capitals, and byte by byte, so that a prefix is a range."""

addresses = Table(
    "addresses",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, ForeignKey("customers.id", name="addresses_customer_id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("line1", Text, nullable=False),
    Column("line2", Text),
    Column("city", Text, nullable=False),
    Column("region", Text),
    Column("postal_code", Text),
    Column("country", Text, nullable=False),
    Column("phone", Text),
    Column("default_shipping", Boolean, nullable=False),
    Column("default_billing", Boolean, nullable=False),
    Index("addresses_customer_id_id", "customer_id", "id"),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, ForeignKey("customers.id", name="payment_methods_customer_id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", _one_of(PaymentKind, "payment_methods_kind"), nullable=False),
    Column("token", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("last4", Text),
    Column("expires", Text),
    Column("is_default", Boolean, nullable=False),
    Index("payment_methods_customer_id_id", "customer_id", "id"),
)

# At most one default of each kind. Deferred, because a default moves from one row to the other in either order; only
# exclusion constraints can be both deferred and limited to some rows.
for table, default in (
    (addresses, "default_shipping"),
    (addresses, "default_billing"),
    (payment_methods, "is_default"),
):
    table.append_constraint(
        ExcludeConstraint(
            (table.c.customer_id, "="),
            name=f"{table.name}_{default}",
            using="btree",
            where=table.c[default],
            deferrable=True,
            initially="DEFERRED",
        )
    )
