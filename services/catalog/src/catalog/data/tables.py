"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

==========  ================================================  ======================================================
table       holds                                             kept for
==========  ================================================  ======================================================
products    a row per product                                 ever: orders of years ago name them; who no longer sells
                                                              a product archives it
variants    up to a hundred rows per product                  until staff removes it
offers      what a product costs at the least through time,   until the product changes the next time, from which on
            one row per currency and stretch of time          stretches that are over are left out
categories  a row per category                                until staff removes it
imports,    an import, and what became of each of its lines   thirty days
import_lines
==========  ================================================  ======================================================
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from catalog.data.values import Images, Schedule
from catalog.domain.imports import Outcome
from catalog.domain.products import Status
from catalog.domain.variants import TaxClass

metadata = MetaData()

_FOR_SALE = text("status = 'published'")
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
_outcome = Enum(
    Outcome,
    name="import_lines_outcome",
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
    Column(
        "search",
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('english'::regconfig, name), 'A')"
            " || setweight(to_tsvector('english'::regconfig, keywords), 'B')"
            " || setweight(to_tsvector('english'::regconfig, description), 'D')",
            persisted=True,
        ),
    ),
    Index("products_slug", "slug", unique=True),
    Index("products_published_at", "published_at", "id", postgresql_where=_FOR_SALE),
    Index("products_name", text("lower(name)"), "id", postgresql_where=_FOR_SALE),
    Index("products_search", "search", postgresql_using="gin", postgresql_where=_FOR_SALE),
    Index(
        "products_similar",
        text("lower(name || ' ' || keywords) gin_trgm_ops"),
        postgresql_using="gin",
        postgresql_where=_FOR_SALE,
    ),
    Index("products_facets", "facets", postgresql_using="gin", postgresql_where=_FOR_SALE),
    # Of whatever status: who removes a category asks whether anything lies in it.
    Index("products_categories", "categories", postgresql_using="gin"),
)

# Before the tables, whose index needs it. An extension that is "trusted": the database's owner may create it.
_trigrams = DDL("CREATE EXTENSION IF NOT EXISTS pg_trgm")  # type: ignore[no-untyped-call] # SQLAlchemy has not annotated it
event.listen(metadata, "before_create", _trigrams)

categories = Table(
    "categories",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent", Text, ForeignKey("categories.slug", name="categories_parent_slug")),
    Index("categories_parent", "parent"),
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
    Index("offers_amount", "currency", "amount_minor", "product_id"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("started_at", _instant, nullable=False),
    Column("finished_at", _instant),
    *(Column(name, Integer, nullable=False) for name in ("lines", "created", "changed", "unchanged", "refused")),
    Index("imports_started_at", "started_at"),
)

import_lines = Table(
    "import_lines",
    metadata,
    Column(
        "import_id",
        Uuid,
        ForeignKey("imports.id", name="import_lines_import_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("outcome", _outcome, nullable=False),
    Column("slug", Text),
    Column("code", Text),
    Column("detail", Text),
)
