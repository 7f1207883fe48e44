"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

=========  ==========================================  ===========================================================
table      holds                                       kept for
=========  ==========================================  ===========================================================
customers  a row per account                           what is personal until the account is closed; then an empty
                                                       shell for ever, so that news that comes late finds it
addresses  up to twenty rows per customer              until its owner removes it or the account is closed
=========  ==========================================  ===========================================================
"""

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

from customers.domain.tiers import Tier

metadata = MetaData()

_instant = DateTime(timezone=True)
_tier = Enum(
    Tier,
    name="customers_tier",
    native_enum=False,
    create_constraint=True,
    values_callable=lambda tiers: [str(each) for each in tiers],
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
    Column("tier", _tier, nullable=False),
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

# At most one default of each kind. Deferred, because a default moves from one row to the other in either order; only
# exclusion constraints can be both deferred and limited to some rows.
for default in ("default_shipping", "default_billing"):
    addresses.append_constraint(
        ExcludeConstraint(
            (addresses.c.customer_id, "="),
            name=f"addresses_{default}",
            using="btree",
            where=addresses.c[default],
            deferrable=True,
            initially="DEFERRED",
        )
    )
