"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

========  ==================================================  ======================================================
table     holds                                               kept for
========  ==================================================  ======================================================
products  a row per product                                   ever: orders of years ago name them; who no longer sells
                                                              a product archives it
variants  up to a hundred rows per product                    until staff removes it
offers    what a product costs at the least through time,     until the product changes the next time, from which on
          one row per currency and stretch of time            stretches that are over are left out
========  ==================================================  ======================================================
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from catalog.data.values import Images, Schedule
from catalog.domain.products import Status
from catalog.domain.variants import TaxClass

metadata = MetaData()

_instant = DateTime(timezone=True)
_status = Enum(
    Status,
    name="products_status",
    native_enum=False,
    create_constraint=True,
    values_callable=lambda each: [str(value) for value in each],
)
_tax_class = Enum(
    TaxClass,
    name="variants_tax_class",
    native_enum=False,
    create_constraint=True,
    values_callable=lambda each: [str(value) for value in each],
)

products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("status", _status, nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("categories", ARRAY(Text), nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("images", Images, nullable=False),
    Column("facets", ARRAY(Text), nullable=False),
    Column("keywords", Text, nullable=False),
    Column("created_at", _instant, nullable=False),
    Column("changed_at", _instant, nullable=False),
    Column("published_at", _instant),
    Index("products_slug", "slug", unique=True),
)

variants = Table(
    "variants",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("product_id", Uuid, ForeignKey("products.id", name="variants_product_id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("weight_grams", Integer, nullable=False),
    Column("tax_class", _tax_class, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("prices", Schedule, nullable=False),
    Index("variants_product_id_position", "product_id", "position"),
)

offers = Table(
    "offers",
    metadata,
    Column("product_id", Uuid, ForeignKey("products.id", name="offers_product_id"), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("valid_from", _instant, primary_key=True),
    Column("valid_until", _instant),
    Column("amount_minor", BigInteger, nullable=False),
)
